"""Values of variables for a run of the stack, from a file that never enters the model."""

from __future__ import annotations

from ci.errors import PipelineError

__all__ = ["read"]


def read(text: str, *, where: str) -> dict[str, str]:
    """Read NAME=value lines; comments, blank lines and one pair of quotes are left out.

    Compose's own dotenv rules apply to what it reads itself; this file holds
    plain values only, so that a `$` in a password stays one.
    """
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip().removeprefix("export ")
        if not stripped or stripped.startswith("#"):
            continue
        name, separator, value = stripped.partition("=")
        if not separator or not name.strip().isidentifier():
            raise PipelineError(
                f"{where}, line {number}: no NAME=value there",
                next_step="mend that line; # starts a comment",
            )
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        values[name.strip()] = value
    return values
