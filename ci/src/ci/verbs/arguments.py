"""The arguments that several verbs have, each described once."""

from __future__ import annotations

from typing import Annotated

import dagger
from dagger import Doc

__all__ = [
    "Commit",
    "Created",
    "DatabaseRegistry",
    "DefaultBranch",
    "DryRun",
    "Files",
    "History",
    "Jobs",
    "Mirrors",
    "OnHost",
    "Only",
    "Password",
    "Platform",
    "Profiles",
    "ProjectDirectory",
    "PublicKey",
    "Ref",
    "Registry",
    "ReleaseFile",
    "SignKey",
    "SignPassword",
    "SourceUrl",
    "StartTimeout",
    "StopTimeout",
    "Username",
    "Workflow",
]

Only = Annotated[
    list[str] | None, Doc("Services to take, by their compose names; default: all that have a build")
]
Files = Annotated[
    list[str] | None, Doc("Compose files, in the order they are merged; default: the ones Compose finds")
]
Profiles = Annotated[
    list[str] | None, Doc("Compose profiles to enable; default: what belongs to none is all there is")
]
ProjectDirectory = Annotated[
    str, Doc("The compose project's folder in --source, which the paths in its files start from")
]
StartTimeout = Annotated[int, Doc("Seconds that a service may take to reach what is waited for")]
StopTimeout = Annotated[
    int, Doc("Seconds that a service's stop may take before it is killed, whatever its stop_grace_period")
]
History = Annotated[
    dagger.Directory | None,
    Doc("The repository's .git directory: what its commits had is scanned for secrets, too; default: none"),
]
Jobs = Annotated[int, Doc("How many images at a time")]
DatabaseRegistry = Annotated[
    dagger.Service | None,
    Doc("A registry on your own machine that has Trivy's database, handed in: tcp://127.0.0.1:5000"),
]
Mirrors = Annotated[
    list[str] | None,
    Doc("Where Trivy's database is fetched from, in the order they are tried; default: Trivy's own two"),
]
Registry = Annotated[str, Doc("Where to push: host[:port][/prefix], for example myteam.azurecr.io/shop")]
Ref = Annotated[
    str, Doc("The full git ref: refs/tags/v1.2.3, refs/tags/SERVICE/v1.2.3, refs/heads/X, refs/pull/N/merge")
]
Commit = Annotated[str, Doc("The commit that is built, in full: $(git rev-parse HEAD)")]
Created = Annotated[str, Doc("The commit's time: $(git log -1 --format=%cI)")]
SourceUrl = Annotated[
    str, Doc("The repository's address, for labels and provenance; credentials are dropped; default: none")
]
Workflow = Annotated[
    str, Doc("The address of what runs this: the builder's identity in the provenance; default: local")
]
Username = Annotated[
    str, Doc("For an Azure token (`az acr login --expose-token`): 00000000-0000-0000-0000-000000000000")
]
Password = Annotated[dagger.Secret | None, Doc("As env:VARIABLE, file:PATH or cmd:COMMAND, never in clear")]
SignKey = Annotated[
    dagger.Secret | None,
    Doc("cosign's private key to sign each digest with, as env:VARIABLE or file:PATH; default: not signed"),
]
SignPassword = Annotated[
    dagger.Secret | None,
    Doc("The password of --sign-key, as env:VARIABLE or file:PATH; default: it has none"),
]
PublicKey = Annotated[
    dagger.File | None,
    Doc("cosign.pub: by this key each digest must be signed; default: signatures are not checked"),
]
Platform = Annotated[str, Doc("The platform to build for, such as linux/arm64; default: the engine's own")]
OnHost = Annotated[
    dagger.Service | None, Doc("A registry on your own machine, handed in: tcp://127.0.0.1:5000")
]
DefaultBranch = Annotated[str, Doc("The branch whose images are also tagged edge")]
DryRun = Annotated[bool, Doc("Do everything but write")]
ReleaseFile = Annotated[dagger.File, Doc("release.json, as publish-report wrote it")]
