"""Where the value of a variable may stand in the model, since it is known only as a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ci.compose.support import ROWS, Status
from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.compose.model import Project, Service

__all__ = ["check", "within"]

# The init puts values into commands; the others are variables, files and the name to pull.
_FILLED = {
    *("image", "environment", "env_file", "command", "entrypoint", "healthcheck", "post_start", "pre_stop"),
    "secrets",
    "configs",
}


def within(project: Project, value: Any) -> list[str]:  # noqa: ANN401 - a value of Compose's JSON
    """Return the variables whose placeholders are in a value, however deep."""
    texts = list(_texts(value))
    return [name for name, mark in project.placeholders.items() if any(mark in text for text in texts)]


def check(project: Project, service: Service) -> None:
    """Refuse a placeholder where nothing would put the value in its place, and an image without its value."""
    if not service.build and (variables := within(project, service.image)):
        raise PipelineError(
            f"service '{service.name}': its image takes the value of {', '.join(variables)}, which has none",
            next_step="give it with --env-file, or a default in the file",
        )
    for key, value in service.raw.items():
        row = ROWS.get(key)
        if key in _FILLED or key.startswith("x-") or (row and row.status is Status.NOTED):
            continue
        if key == "build":
            continue  # the build looks at its own
        if variables := within(project, value):
            raise PipelineError(
                f"service '{service.name}': {key} takes the value of {', '.join(variables)}, "
                "which is known only as a secret",
                next_step=f"write it into the file, or give {variables[0]} a default there",
            )


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
