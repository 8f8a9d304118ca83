"""The build secrets of a service, as Dagger secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagger import dag

from ci.errors import PipelineError

if TYPE_CHECKING:
    import dagger

    from ci.project.model import Service
    from ci.workspace import Workspace

__all__ = ["secrets"]


async def secrets(workspace: Workspace, service: Service) -> dict[str, dagger.Secret]:
    """Return the service's build secrets by id."""
    found = {}
    for secret in service.build.secrets if service.build else ():
        where = f"service '{service.name}': its build secret '{secret.id}'"
        if secret.path:
            if not await workspace.source.exists(secret.path):
                raise PipelineError(
                    "build.secret-file-missing",
                    f"{where} comes from {secret.path}, which does not exist in the source",
                    hint="create the file, or correct the secret's `file:` in the compose file",
                )
            value = await workspace.source.file(secret.path).contents()
        elif secret.variable in workspace.values:
            value = workspace.values[secret.variable]
        else:
            raise PipelineError(
                "build.secret-value-missing",
                f"{where} comes from {secret.variable or 'nowhere'}, which has no value",
                hint="set it in an env file and pass --env-file file:PATH",
            )
        found[secret.id] = dag.set_secret(secret.id, value)
    return found
