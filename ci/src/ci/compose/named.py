"""The kinds of `additional_contexts`, by how Compose tells them apart."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NamedContext", "kind_of"]

_IMAGE = "docker-image://"


@dataclass(frozen=True)
class NamedContext:
    """One of `additional_contexts`: a folder of the source or an image; of other kinds it has neither."""

    name: str
    folder: str = ""
    image: str = ""


def kind_of(value: str) -> str:
    """Return what a value is: `image`, `service`, `remote` or `folder`."""
    if value.startswith(_IMAGE):
        return "image"
    if value.startswith("service:"):
        return "service"
    return "remote" if "://" in value or value.startswith(("git@", "github.com/")) else "folder"
