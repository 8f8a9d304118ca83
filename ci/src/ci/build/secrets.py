"""The build secrets of a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagger import dag

from ci.errors import PipelineError

if TYPE_CHECKING:
    import dagger

    from ci.project.model import Service
    from ci.workspace import Workspace

__all__ = ["secrets"]


async def secrets(workspace: Workspace, service: Service) -> dict[str, dagger.Secret | dagger.File]:
    """Return the service's build secrets by id. A file can have any bytes, which no secret of Dagger has."""
    found: dict[str, dagger.Secret | dagger.File] = {}
    for secret in service.build.secrets if service.build else ():
        where = f"service '{service.name}': its build secret '{secret.id}'"
        if secret.path:
            if not await workspace.listing.has(secret.path):
                raise PipelineError(
                    "build.secret-file-missing",
                    f"{where} comes from {secret.path}, which does not exist in the source",
                    hint="create the file, or correct the secret's `file:` in the compose file",
                )
            found[secret.id] = workspace.source.file(secret.path)
        elif secret.variable in workspace.values:
            found[secret.id] = dag.set_secret(secret.id, workspace.values[secret.variable])
        else:
            raise PipelineError(
                "build.secret-value-missing",
                f"{where} comes from {secret.variable or 'nowhere'}, which has no value",
                hint="set it in an env file and pass --env-file file:PATH",
            )
    return found
