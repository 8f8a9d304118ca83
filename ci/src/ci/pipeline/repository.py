"""Run the registry's program for a repository that a call can do without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.registry.hosts import is_loopback, reference
from ci.release.container import RegistryAccess, run_in
from ci.release.registries import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagger

    from ci.workspace import Workspace

__all__ = ["ask"]

# Everything can be made without what is there, so a registry that does not answer is not waited for.
_LIMITS = {"seconds": 10.0, "tries": 2}


async def ask(  # noqa: PLR0913 - a call and where it goes
    workspace: Workspace,
    repository: str,
    container: dagger.Container,
    command: str,
    request: Mapping[str, Any],
    *,
    others: Mapping[str, RegistryAccess] | None = None,
) -> tuple[Mapping[str, Any], dagger.Container | None]:
    """Return the program's outcome, and its container; an outcome with `problems` alone if it failed.

    Credentials are those of base images. `others` are more registries that it may ask.
    """
    host = reference(repository).host
    whole = {**request, "repository": repository, "limits": _LIMITS}
    access = RegistryAccess(Registry(host), through_gateway=is_loopback(host))
    try:
        access = await access.with_file(workspace.docker_config)
        return await run_in(container, command, whole, {command: access, **(others or {})})
    except PipelineError as error:
        return {"problems": [f"it cannot be reached: {error.what}"]}, None
