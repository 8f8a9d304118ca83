"""Options that several functions have, each described once."""

from __future__ import annotations

from typing import Annotated

import dagger
from dagger import Doc

__all__ = [
    "Cases",
    "Commit",
    "Created",
    "DefaultBranch",
    "DryRun",
    "EarlierReport",
    "EarlierScan",
    "ErrorCode",
    "GitDirectory",
    "GitHistory",
    "History",
    "ModuleAddress",
    "Only",
    "Parts",
    "Password",
    "PlanFormat",
    "Platform",
    "Ref",
    "RegistryAddress",
    "RegistryService",
    "ReleaseFile",
    "ReplaceCommitTag",
    "Rerun",
    "Severity",
    "SourceUrl",
    "StartTimeout",
    "StopTimeout",
    "Username",
    "Version",
    "Workflow",
]

Only = Annotated[
    list[str] | None, Doc("Services to include, by their compose names; default: all that are built")
]
Parts = Annotated[
    list[str] | None,
    Doc("One machine's part of the gates, as shards prints it: services, +source, +stack; default: all"),
]
Platform = Annotated[
    str, Doc("The platform to build for, such as linux/arm64; default: that of the constructor's --platform")
]
PlanFormat = Annotated[str, Doc("table, json or mermaid")]
Cases = Annotated[list[str] | None, Doc("Tests to run, by parts of their names; default: all")]
Rerun = Annotated[bool, Doc("Run the tests even if they passed before with the same inputs")]
Severity = Annotated[
    list[str] | None,
    Doc("Severities that fail the gate; default: CRITICAL and HIGH of any image or lock"),
]
EarlierScan = Annotated[
    dagger.File | None, Doc("scan.json of an earlier report: new findings are counted in a column")
]
EarlierReport = Annotated[
    dagger.Directory | None,
    Doc(
        "The folder of an earlier report, to compare sizes and findings with; an empty folder is ignored; "
        "default: none"
    ),
]
StartTimeout = Annotated[int, Doc("Seconds that a service may take to reach the state that others wait for")]
StopTimeout = Annotated[
    int, Doc("Seconds after which a service that does not stop is killed, whatever its stop_grace_period")
]
ErrorCode = Annotated[str, Doc("The code at the end of an error, such as compose.no-services")]
ModuleAddress = Annotated[
    str, Doc("This module's address for the workflow, as github.com/OWNER/NAME@VERSION; default: none")
]
History = Annotated[
    dagger.Directory | None,
    Doc("The repository's .git directory: its commits are scanned for secrets as well; default: none"),
]
RegistryAddress = Annotated[
    str, Doc("Where images are pushed: host[:port][/prefix], for example myteam.azurecr.io/shop")
]
RegistryService = Annotated[
    dagger.Service | None, Doc("The registry itself, if it runs on your machine: tcp://127.0.0.1:5000")
]
Username = Annotated[
    str,
    Doc(
        "User name; for an Azure token (`az acr login --expose-token`): "
        "00000000-0000-0000-0000-000000000000; default: what --docker-config has for the registry"
    ),
]
Password = Annotated[
    dagger.Secret | None, Doc("Password, as env:VARIABLE, file:PATH or cmd:COMMAND, never the value itself")
]
Ref = Annotated[
    str, Doc("The full git ref: refs/tags/v1.2.3, refs/tags/SERVICE/v1.2.3, refs/heads/X, refs/pull/N/merge")
]
Commit = Annotated[str, Doc("The full id of the commit that is built: $(git rev-parse HEAD)")]
Created = Annotated[str, Doc("The commit's time: $(git log -1 --format=%cI)")]
SourceUrl = Annotated[
    str, Doc("The repository's address, for labels and provenance; credentials are removed; default: none")
]
Workflow = Annotated[
    str, Doc("The address of the workflow that runs this: the builder's id in the provenance; default: local")
]
DefaultBranch = Annotated[str, Doc("The branch whose images are also tagged edge")]
DryRun = Annotated[bool, Doc("Do everything except writing to a registry")]
GitHistory = Annotated[
    dagger.Directory | None,
    Doc("The repository's .git directory: orders a branch's commits, and gives the notes; default: none"),
]
GitDirectory = Annotated[
    dagger.Directory, Doc("The repository's .git directory with all tags: a version tag is a release")
]
ReplaceCommitTag = Annotated[
    bool, Doc("Move the commit's tag (sha-…) if another build of the same commit has it; default: it stays")
]
ReleaseFile = Annotated[dagger.File | None, Doc("release.json of the release; default: that of --version")]
Version = Annotated[
    str, Doc("1.2.3, SERVICE/1.2.3 or another tag such as main: its release.json is read from the registry")
]
