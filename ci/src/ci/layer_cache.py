"""Name the references of a layer cache, which holds BuildKit's cache in a repository of a registry."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from ci.errors import PipelineError
from ci.references import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dagger

__all__ = ["CacheOptions", "ImageStore", "LayerCache", "choose", "repository"]

_LONGEST_PART, _HASH = 40, 20  # two parts and a hash fit in a tag, which has at most 128 characters
_NOT_IN_TAGS = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class CacheOptions:
    """Options of the constructor: `--cache`, `--cache-branch` and `--cache-write`."""

    repository: str = ""
    branch: str = ""
    write: bool = False


@dataclass(frozen=True)
class LayerCache:
    """One repository, read for a branch and the default branch, and written for the branch.

    `version` identifies what affects layers besides the project, so that no
    layer of another version of the sandbox is used.
    """

    repository: str
    branch: str
    default_branch: str
    platform: str
    version: str
    write: bool = False

    def sources(self, service: str) -> list[str]:
        """Return the references to read, the branch's own first."""
        branches = dict.fromkeys((self.branch, self.default_branch))
        return [self._reference(service, branch) for branch in branches]

    def destination(self, service: str) -> str:
        """Return the reference to write."""
        return self._reference(service, self.branch)

    def _reference(self, service: str, branch: str) -> str:
        # The hash keeps apart what is the same without the characters that a tag cannot have.
        identity = json.dumps([service, branch, self.platform, self.version])
        digest = sha256(identity.encode()).hexdigest()[:_HASH]
        return f"{self.repository}:{_part(service)}-{_part(branch)}-{digest}"


class ImageStore(Protocol):
    """Finished images in the repository of a layer cache; what goes wrong is a text and no error."""

    async def fetch(
        self, repository: str, digests: Mapping[str, str]
    ) -> tuple[dict[str, dagger.File], list[str]]:
        """Return the images that are there, by name, and what went wrong."""

    async def put(self, repository: str, images: Sequence[dagger.File]) -> list[str]:
        """Store images and return what went wrong."""


def choose(  # noqa: PLR0913 - an option, and settings that go with it
    options: CacheOptions,
    setting: str,
    default_branch: str,
    *,
    place: str,
    platform: str,
    version: str,
    evidence: bool = False,
) -> LayerCache | None:
    """Return the layer cache of the options or of the setting `cache`; None if neither names one.

    `place` is where the settings are, for errors. With `evidence`, which has the same option, something is
    written without a cache as well.
    """
    named = options.repository or setting
    if not named:
        if options.write and not evidence:
            raise PipelineError(
                "cache.not-named",
                "--cache-write: there is no layer cache to write",
                hint=f"name it with --cache REGISTRY/REPOSITORY, or set {place}cache",
            )
        return None
    where = "--cache" if options.repository else f"{place}cache"
    return LayerCache(
        repository=repository(named, where),
        branch=options.branch.removeprefix("refs/heads/") or default_branch,
        default_branch=default_branch,
        platform=platform,
        version=version,
        write=options.write,
    )


def repository(text: str, where: str) -> str:
    """Return the name of a repository; raise for what is none."""
    try:
        parsed = parse(text, where=where)
    except PipelineError as error:
        raise _invalid(text, where) from error
    if parsed.tag or parsed.digest or "/" not in parsed.name:
        raise _invalid(text, where)
    return parsed.name


def _invalid(text: str, where: str) -> PipelineError:
    shown = "it" if "@" in text else f"'{text}'"  # an @ may follow a password
    return PipelineError(
        "cache.repository-invalid",
        f"{where}: {shown} is not a repository in a registry",
        hint="write host[:port]/name without tag and credentials: myteam.azurecr.io/shop/cache",
    )


def _part(text: str) -> str:
    return _NOT_IN_TAGS.sub("-", text)[:_LONGEST_PART].lstrip(".-") or "_"
