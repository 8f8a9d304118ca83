"""The rules: each looks at the facts of one image and says what breaks it.

Where they come from: CIS Docker Benchmark 1.6, section 4 (user, healthcheck,
setuid, secrets, packages); the Dockerfile best practices of Docker (pinned
bases, caches, EXPOSE); Compose's own `read_only` and `stop_grace_period`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci import table
from ci.platforms import service_of
from ci.posture.ports import expand
from ci.posture.secret_names import names_secret
from ci.references import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ci.posture.facts import Image
    from ci.project.policy import Policy

__all__ = ["BY_START", "RULES", "Rule", "Violation", "layer_table"]

_USER = re.compile(r"(?P<uid>\d+)(?::\d+)?", re.ASCII)
_MEGABYTE = 1_000_000
_NAMED = 5


@dataclass(frozen=True)
class Violation:
    """A violation of a rule, as text; `name` is the file, variable, port or image that violates it."""

    text: str
    name: str = ""


@dataclass(frozen=True)
class Rule:
    """One rule: `why` it is there, what `to_do` where it is broken, and the `check` that finds that.

    `named` says that it may be broken by several things, each with a name: a waiver has to name them.
    """

    id: str
    why: str
    to_do: str
    check: Callable[[Image, Policy], Iterator[Violation]]
    named: bool = False


def _user(image: Image, _: Policy) -> Iterator[Violation]:
    user = image.settings.get("User") or ""
    match = _USER.fullmatch(user)
    if not user:
        yield Violation("no USER: it runs as root")
    elif match is None:
        yield Violation(f"USER {user} is a name: what it may do depends on /etc/passwd")
    elif int(match["uid"]) == 0:
        yield Violation(f"USER {user} is root")


def _healthcheck(image: Image, _: Policy) -> Iterator[Violation]:
    test = (image.settings.get("Healthcheck") or {}).get("Test") or []
    if not test or test[0] == "NONE":
        yield Violation("no HEALTHCHECK")


def _files(kind: str, what: str) -> Callable[[Image, Policy], Iterator[Violation]]:
    def check(image: Image, _: Policy) -> Iterator[Violation]:
        found = image.kind(kind)
        for path in found.paths:
            yield Violation(f"{what}: {path}", path.partition(" (")[0])
        if found.count > len(found.paths):
            yield Violation(f"{what}: {found.count - len(found.paths)} more")

    return check


def _caches(image: Image, _: Policy) -> Iterator[Violation]:
    found = image.kind("caches")
    if found.count:
        more = found.count - len(found.paths[:_NAMED])
        paths = ", ".join(found.paths[:_NAMED]) + (f" and {more} more" if more else "")
        yield Violation(f"{found.count} files, {table.megabytes(found.bytes)}: {paths}")


def _pth(image: Image, policy: Policy) -> Iterator[Violation]:
    for path in image.kind("pth").paths:
        if path.rpartition("/")[2] not in policy.allowed_pth_files:
            yield Violation(path, path)


def _secret_settings(image: Image, policy: Policy) -> Iterator[Violation]:
    pairs = [variable.partition("=")[::2] for variable in image.settings.get("Env") or ()]
    labels = list((image.settings.get("Labels") or {}).items())
    for kind, items in (("ENV", pairs), ("LABEL", labels)):
        for name, value in items:
            if names_secret(name, value) and name not in policy.allowed_secret_names:
                yield Violation(f"{kind} {name} has a value", name)


def _secret_files(image: Image, _: Policy) -> Iterator[Violation]:
    for secret in image.secrets:
        path = f"/{secret.path.lstrip('/')}" if secret.layer < len(image.layers) else "the config"
        yield Violation(f"{path}: {secret.what}{_layer(image, secret.layer)}", path)


def _layer(image: Image, number: int) -> str:
    instruction = image.layers[number].instruction if number < len(image.layers) else ""
    return f" (from {_short(instruction)})" if instruction else ""


def _start(image: Image, _: Policy) -> Iterator[Violation]:
    if image.started.problem:
        yield Violation(image.started.problem)


def _stop(image: Image, _: Policy) -> Iterator[Violation]:
    started = image.started
    if started.problem:
        return
    signal = image.settings.get("StopSignal") or "SIGTERM"
    if started.killed:
        yield Violation(f"still runs {started.grace:g} s after {signal}, and had to be killed")
    elif started.exit_code:
        yield Violation(f"ends with exit code {started.exit_code} after {signal}")


def _budget(image: Image, policy: Policy) -> Iterator[Violation]:
    budget = policy.size_budgets.get(service_of(image.service), policy.size_budget)
    if image.size > budget * _MEGABYTE:
        yield Violation(f"{table.megabytes(image.size)} of {budget} MB, compressed\n{layer_table(image)}")


def layer_table(image: Image) -> str:
    """List what each layer adds and wastes, and the instruction that made it."""
    rows = [
        [
            str(number),
            table.megabytes(layer.size),
            table.megabytes(layer.bytes),
            table.megabytes(layer.wasted),
            str(layer.files),
            "(base image)" if layer.base else _short(layer.instruction) or "(not certain)",
            ", ".join(f"/{path} {table.megabytes(size)}" for path, size in layer.largest[:2]),
        ]
        for number, layer in enumerate(image.layers)
    ]
    return table.text(["layer", "size", "unpacked", "wasted", "files", "made by", "largest"], rows)


def _short(instruction: str) -> str:
    return instruction if len(instruction) <= 60 else f"{instruction[:59]}…"  # noqa: PLR2004 - a column's width


def _pinned(image: Image, _: Policy) -> Iterator[Violation]:
    for reference in image.references:
        if not parse(reference, where=f"service '{image.service}', its Dockerfile").pinned:
            yield Violation(reference, reference)


def _ports(image: Image, _: Policy) -> Iterator[Violation]:
    exposed = expand(image.settings.get("ExposedPorts") or {})
    for port in sorted(image.ports - exposed):
        yield Violation(f"the compose file has port {port}, the Dockerfile does not EXPOSE it", port)
    if image.ports:
        for port in sorted(exposed - image.ports):
            yield Violation(f"EXPOSE {port}, which the compose file does not publish or expose", port)


RULES = (
    Rule(
        "non-root-user",
        "a process that breaks out of a container as root is root on the host",
        "end the Dockerfile with a numeric USER such as 10001:10001",
        _user,
    ),
    Rule(
        "healthcheck",
        "nobody but the image knows how to tell that it works",
        "add a HEALTHCHECK that asks the service itself",
        _healthcheck,
    ),
    Rule(
        "no-caches",
        "package caches make an image larger and are never read",
        "use RUN --mount=type=cache, or remove them in the same RUN",
        _caches,
    ),
    Rule(
        "no-build-tools",
        "what can install or compile helps only an intruder",
        "build in an earlier stage and COPY --from it",
        _files("tools", "the image has"),
    ),
    Rule(
        "no-setuid",
        "a setuid file gives every process the rights of its owner",
        "remove the bit (chmod u-s,g-s) or the file",
        _files("setuid", "added"),
        named=True,
    ),
    Rule(
        "root-owned",
        "a service that can change its own code keeps what an intruder puts there",
        "COPY before USER and without --chown; write to a tmpfs or volume",
        _files("not_root", "not owned by root"),
    ),
    Rule(
        "not-writable",
        "as root-owned: files that everybody may write",
        "chmod o-w",
        _files("writable", "writable for everybody"),
    ),
    Rule(
        "no-secret-settings",
        "whoever can pull the image reads its variables and labels",
        "give it at run time, as a secret, and revoke what has been pushed; a name that only sounds like one "
        "goes into the setting allowed-secret-names",
        _secret_settings,
        named=True,
    ),
    Rule(
        "no-secret-files",
        "whoever can pull the image reads its files, those that a later layer deletes too",
        "use RUN --mount=type=secret, and .dockerignore; revoke what has been pushed",
        _secret_files,
        named=True,
    ),
    Rule(
        "no-unexpected-pth",
        "a .pth file runs code at every start of Python",
        "remove it, or name it in the setting allowed-pth-files",
        _pth,
        named=True,
    ),
    Rule(
        "read-only-start",
        "it is started with `read_only: true`, by itself or else beside what it depends on, because an "
        "intruder can change what can be written",
        "write to a tmpfs of the compose file only, and let the HEALTHCHECK pass; see the output above",
        _start,
    ),
    Rule(
        "stops-in-time",
        "each update and each scale-down ends it this way",
        "let CMD be the program itself, not a shell, and let it end with 0 on its stop signal",
        _stop,
    ),
    Rule(
        "size-budget",
        "every node pulls it before it starts",
        "see which layer is large or wastes; raise the setting size-budgets if it must be",
        _budget,
    ),
    Rule(
        "pinned-base",
        "a tag means another image tomorrow",
        "add @sha256:… to each reference in the Dockerfile",
        _pinned,
        named=True,
    ),
    Rule(
        "ports-match",
        "a port in one file only is a mistake in one of them",
        "correct EXPOSE, or ports/expose in the compose file",
        _ports,
        named=True,
    ),
)
# What only a start shows.
BY_START = ("read-only-start", "stops-in-time")
