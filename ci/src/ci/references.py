"""Parse image references, and substitute them with the images map."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.spelling import written

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ImagesMap", "Reference", "parse"]

# The grammar of github.com/distribution/reference, without length limits.
_PATTERN = re.compile(
    r"(?P<name>(?:[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*(?::\d+)?/)?"
    r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)


@dataclass(frozen=True)
class Reference:
    """An image reference in its parts; `str()` joins them."""

    name: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"

    @property
    def pinned(self) -> bool:
        """Whether the reference has a digest."""
        return bool(self.digest)

    @property
    def without_digest(self) -> str:
        """The reference as `name:tag`; the default tag is `latest`."""
        return f"{self.name}:{self.tag or 'latest'}"


def parse(text: str, *, where: str) -> Reference:
    """Parse a reference; `where` names its place for the error text.

    Docker Hub's implied prefixes are removed, so that `docker.io/library/redis`
    and `redis` are equal, as they are for Docker.
    """
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        what = f"{where}: '{text}' is not a valid image reference"
        raise PipelineError(
            "images-map.reference-invalid",
            what,
            hint="write it as name[:tag][@sha256:digest]; repositories are lower case",
        )
    name = match["name"]
    for prefix in ("docker.io/library/", "docker.io/", "index.docker.io/", "library/"):
        name = name.removeprefix(prefix)
    return Reference(name, match["tag"] or "", match["digest"] or "")


class _Pairs(list[tuple[str, Any]]):
    """The keys and values of a JSON object, including keys that occur twice."""


@dataclass(frozen=True)
class ImagesMap:
    """A map of references to the references to use instead; `None` means not available.

    A key with a digest matches only that digest. A key without one matches the
    name and tag with any digest, because the digest of a stand-in is different.
    """

    entries: Mapping[str, str | None]

    @classmethod
    def from_json(cls, text: str, *, where: str) -> ImagesMap:
        """Read the map from JSON. Raise unless it maps references to references or null."""
        try:
            data: Any = json.loads(text or "{}", object_pairs_hook=_Pairs)
        except json.JSONDecodeError as error:
            what = f"images map {where}: not JSON: {error}"
            raise PipelineError(
                "images-map.not-json", what, hint='write {"from": "to", …} or null for "not here"'
            ) from error
        if not isinstance(data, _Pairs):
            what = f"images map {where}: expected a JSON object, found {written(data)}"
            raise PipelineError(
                "images-map.not-an-object", what, hint='write {"from": "to", …} or null for "not here"'
            )
        entries: dict[str, str | None] = {}
        for key, value in data:
            if not isinstance(value, str | None):
                what = f"images map {where}: '{key}' maps to {written(value)}"
                raise PipelineError(
                    "images-map.not-a-reference", what, hint="use a string with a reference, or null"
                )
            source = parse(key, where=f"images map {where}")
            if value is not None:
                parse(value, where=f"images map {where}: '{key}'")
            name = str(source) if source.pinned else source.without_digest
            if name in entries:
                raise PipelineError(
                    "images-map.duplicate-key",
                    f"images map {where}: {name} occurs twice, the second time as '{key}'",
                    hint="keep one of the two entries",
                )
            entries[name] = value
        return cls(entries)

    def resolve(self, text: str, *, where: str) -> str | None:
        """Return the reference to use for `text`, or `None` if it is not available."""
        reference = parse(text, where=where)
        for key in (str(reference), reference.without_digest):
            if key in self.entries:
                return self.entries[key]
        return text
