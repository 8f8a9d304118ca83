"""What a released image says about itself: labels, annotations, and where it comes from.

The keys are those of the OCI image specification's annotations. All of it
depends on the commit and the service alone: whether a branch or a tag is being
published makes no difference, so one commit has one digest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Origin", "check_layers", "for_image", "origin"]

_PREFIX = "org.opencontainers.image."
_REVISION = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?", re.ASCII)
_SSH = re.compile(r"(?:ssh://)?git@([^:/]+)[:/](.+)", re.ASCII)
_CREDENTIALS = re.compile(r"(https?://)[^/@]*@", re.ASCII)


@dataclass(frozen=True)
class Origin:
    """The commit that images are built from.

    `created` is the commit's time in UTC, `version` what the project's version
    file says, `source` the repository's web address; the last two may be empty.
    """

    revision: str
    created: str
    source: str = ""
    version: str = ""


def origin(revision: str, created: str, *, source: str = "", version: str = "") -> Origin:
    """Check and normalise what was given about the commit."""
    if not _REVISION.fullmatch(revision):
        raise PipelineError(
            "release.commit-invalid",
            f"--commit '{revision}' is not a full commit id",
            hint="use the output of `git rev-parse HEAD`",
        )
    try:
        time = datetime.fromisoformat(created)
    except ValueError:
        time = datetime.min  # noqa: DTZ901 - has no time zone, as what the next check refuses
    if time.tzinfo is None:
        raise PipelineError(
            "release.created-invalid",
            f"--created '{created}' is not a time with a time zone",
            hint="use the output of `git log -1 --format=%cI`",
        )
    return Origin(
        revision=revision,
        created=time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        source=_web_address(source),
        version=version,
    )


def for_image(service: str, origin: Origin, *, base: str, base_digest: str) -> dict[str, str]:
    """Return the labels of a service's image, in the order of their names; what is unknown is left out."""
    labels = {
        "base.digest": base_digest,
        "base.name": base,
        "created": origin.created,
        "revision": origin.revision,
        "source": origin.source,
        "title": service,
        "version": origin.version,
    }
    return {_PREFIX + name: value for name, value in labels.items() if value}


def check_layers(
    service: str, gated: Sequence[Mapping[str, Any]], released: Sequence[Mapping[str, Any]]
) -> None:
    """Refuse an image whose layers are not, one by one, those that passed the gates."""
    before, after = ([(layer["digest"], layer["size"]) for layer in layers] for layers in (gated, released))
    if before != after:
        raise PipelineError(
            "release.layers-differ",
            f"service '{service}': the layers to push are not those that passed the gates",
            details=f"passed: {' '.join(digest for digest, _ in before)}\n"
            f"to push: {' '.join(digest for digest, _ in after)}",
            hint="build again and let every gate run on what is built",
        )


def _web_address(source: str) -> str:
    """Return a git remote as a web address, without what may be a token in it."""
    if match := _SSH.fullmatch(source):
        source = f"https://{match[1]}/{match[2]}"
    return _CREDENTIALS.sub(r"\1", source).removesuffix(".git").rstrip("/")
