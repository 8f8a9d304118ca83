"""Plan the input of Bake: the file that Compose writes for it, and an override."""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.sandbox.epoch import EPOCH
from ci.sandbox.place import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ci.project.model import ComposeModel

__all__ = ["TARGET", "Bake", "plan"]

_COMPOSE_LABELS = "com.docker.compose."
_SERVICE_LABEL = f"{_COMPOSE_LABELS}service"
_INSECURE = "security.insecure"
_MARKED = ("args", "dockerfile-inline")
# An argument that no Dockerfile declares. Buildx records it, which identifies the target of a failed build.
TARGET = "sandbox.target"
_NO_ATTESTATIONS = ["type=provenance,disabled=true", "type=sbom,disabled=true"]


@dataclass(frozen=True)
class Bake:
    """Two Bake files as JSON, and the target that builds each service.

    `services` maps each target that takes part to its service, `written` maps
    these services to their targets in Compose's Bake file.
    """

    build: str
    override: str
    targets: Mapping[str, str]
    services: Mapping[str, str]
    written: Mapping[str, Mapping[str, Any]]

    @property
    def lines(self) -> str:
        """Lines `TARGET TAG`, where the tag names the built image in the sandbox's engine."""
        return "".join(f"{target} {_tag(target)}\n" for target in self.targets.values())


def plan(
    project: ComposeModel, services: list[str], *, platform: str, own_platform: str, ssh_agent: bool = False
) -> Bake:
    """Plan the build of these services.

    Compose's file is used unchanged, except for its labels with the names of
    project and Compose version, because the digest must not depend on them.
    """
    written: dict[str, dict[str, Any]] = project.bake.get("target", {})
    targets = {_service(target, item): target for target, item in written.items()}
    chosen = {name: targets[name] for name in services}
    written = {target: _without_labels(item) for target, item in written.items()}
    needed = list(_needed(written, list(chosen.values())))
    by_target = {target: name for name, target in targets.items()}
    for target in needed:
        _check(by_target[target], written[target], project.placeholders, ssh_agent=ssh_agent)
    override = {target: _override(target, written[target], platform, own_platform) for target in needed}
    return Bake(
        build=json.dumps({"target": {target: _literal(written[target]) for target in needed}}),
        override=json.dumps({"target": override}),
        targets=chosen,
        services={target: by_target[target] for target in needed},
        written={by_target[target]: written[target] for target in needed},
    )


def _without_labels(target: Mapping[str, Any]) -> dict[str, Any]:
    labels = (target.get("labels") or {}).items()
    return {**target, "labels": {key: value for key, value in labels if not key.startswith(_COMPOSE_LABELS)}}


def _literal(target: Mapping[str, Any]) -> dict[str, Any]:
    """Escape the texts of a target, because Bake reads `${` and `%{` in JSON as templates.

    Compose 5.6 escapes only `${`, and only in arguments and inline Dockerfiles.
    """

    def marked(value: Any, *, by_compose: bool) -> Any:  # noqa: ANN401 - a value of JSON
        if isinstance(value, str):
            text = value.replace("%{", "%%{")
            return text if by_compose else text.replace("${", "$${")
        if isinstance(value, dict):
            return {key: marked(item, by_compose=by_compose) for key, item in value.items()}
        if isinstance(value, list):
            return [marked(item, by_compose=by_compose) for item in value]
        return value

    return {key: marked(value, by_compose=key in _MARKED) for key, value in target.items()}


def _service(target: str, item: Mapping[str, Any]) -> str:
    """Return the service of a target, whose name can differ from the service's in Bake."""
    return str((item.get("labels") or {}).get(_SERVICE_LABEL, target))


def _needed(written: Mapping[str, Any], chosen: list[str]) -> Iterator[str]:
    """Yield the targets and the targets that their contexts refer to."""
    seen: set[str] = set()
    waiting = list(chosen)
    while waiting:
        target = waiting.pop(0)
        if target not in seen:
            seen.add(target)
            yield target
            contexts = (written[target].get("contexts") or {}).values()
            waiting += [value.removeprefix("target:") for value in contexts if value.startswith("target:")]


def _check(
    service: str, target: Mapping[str, Any], placeholders: Mapping[str, str], *, ssh_agent: bool
) -> None:
    """Reject values, paths and privileges that must not get into an image or onto the machine."""
    text = json.dumps({key: value for key, value in target.items() if key not in ("secret", "tags")})
    missing = [name for name, placeholder in placeholders.items() if placeholder in text]
    if missing:
        raise PipelineError(
            "build.unknown-value",
            f"service '{service}': its build uses {', '.join(missing)}, which has no value",
            hint=f"set {missing[0]} with --env-file or a default in the compose file; "
            "use a build secret for a value that must not be in the image",
        )
    for value in (target.get("context", ""), *(target.get("contexts") or {}).values()):
        if value.startswith("/") and not f"{posixpath.normpath(value)}/".startswith(f"{PROJECT}/"):
            raise PipelineError(
                "build.context-outside",
                f"service '{service}': its build context {value} is outside of the project",
                hint="move it into the project, or set --source to a folder that contains it",
            )
    if not ssh_agent and any(not each.partition("=")[2] for each in target.get("ssh") or ()):
        raise PipelineError(
            "build.ssh-agent-missing",
            f"service '{service}': its build uses an SSH agent, but --ssh-agent is not set",
            hint="add --ssh-agent $SSH_AUTH_SOCK",
        )
    if _INSECURE in (target.get("entitlements") or ()):
        raise PipelineError(
            "build.insecure-entitlement",
            f"service '{service}': its build requests {_INSECURE}, which would open the sandbox",
            hint=f"remove build.privileged and the entitlement {_INSECURE} from the compose file",
        )


def _override(target: str, item: Mapping[str, Any], platform: str, own_platform: str) -> dict[str, Any]:
    """Override a target: constant times, the sandbox's names, and base images resolved in every build."""
    made: dict[str, Any] = {
        "args": {"SOURCE_DATE_EPOCH": str(EPOCH), TARGET: target},
        "tags": [_tag(target)],
        "output": ["type=image,push=false,unpack=false"],
        "attest": _NO_ATTESTATIONS,
        "pull": True,
    }
    if platform:
        made["platforms"] = [platform]
    elif len(item.get("platforms") or ()) > 1:
        made["platforms"] = [own_platform]
    return made


def _tag(target: str) -> str:
    """Encode a target's name as an image name, which must not contain capitals."""
    return f"sandbox.local/{target.encode().hex()}:built"
