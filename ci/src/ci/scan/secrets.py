"""Find secrets in an image by Trivy's rules, in the analysis that the scan uses as well."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagger
from dagger import dag

from ci.build.image import pulled
from ci.scan import exceptions
from ci.scan.container import EXCEPTIONS, TRIVY, analyzed, command, failed, prepare

if TYPE_CHECKING:
    from ci.workspace import Workspace

__all__ = ["exceptions_of", "found", "live_exceptions"]

_REPORT = "/secrets.json"


async def found(workspace: Workspace, image: dagger.File, base: str, platform: str = "") -> dict[str, Any]:
    """Return Trivy's report with the secrets that no exception lets through."""
    container = await prepare(workspace)
    base_image = pulled(base, platform).as_tarball() if base else None
    report = analyzed(container, image, base_image).file("secrets.json")
    exemptions = exceptions.read(await exceptions_of(workspace), datetime.now(UTC).date())
    if any(each.section == "secrets" for each in exemptions.live):
        folder = dag.directory().with_new_file("exceptions.yaml", exemptions.for_trivy())
        container = container.with_mounted_file(EXCEPTIONS, folder.file("exceptions.yaml"))
        words = command("trivy_exceptions", "apply", TRIVY, EXCEPTIONS, _REPORT)
        report = container.with_file(_REPORT, report).with_exec(words).file(_REPORT)
    try:
        read: dict[str, Any] = json.loads(await report.contents())
    except dagger.ExecError as error:
        raise failed("posture", error) from error
    return read


async def live_exceptions(workspace: Workspace) -> str:
    """Return the exceptions that have not ended, as Trivy gets them."""
    return exceptions.read(await exceptions_of(workspace), datetime.now(UTC).date()).for_trivy()


async def exceptions_of(workspace: Workspace) -> str:
    """Return the text of the exceptions file; empty if there is none."""
    return await workspace.listing.text(exceptions.FILE)
