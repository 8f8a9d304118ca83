"""Show the plan as a table, as JSON, or as a Mermaid graph of the services' dependencies.

It contains everything that is known before anything runs: what is rejected, left out, or has no value.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ci import table
from ci.errors import PipelineError
from ci.project import notes, unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.project.model import ComposeModel, Service

__all__ = ["FORMATS", "render"]

FORMATS = ("table", "json", "mermaid")


def render(
    project: ComposeModel,
    left_out: dict[str, str],
    form: str,
    tests: Mapping[str, tuple[str, str]] | None = None,
) -> str:
    """Format the project's services.

    `left_out` are services whose image is not available, `tests` has how each built one is tested, and why.
    """
    if form not in FORMATS:
        raise PipelineError(
            "project.unknown-format",
            f"--format {form}: there is no such format",
            hint=f"choose from {', '.join(FORMATS)}",
        )
    if form == "json":
        return _json(project, left_out, tests or {})
    return _mermaid(project) if form == "mermaid" else _table(project, left_out, tests or {})


def _origin(project: ComposeModel, service: Service, left_out: dict[str, str]) -> str:
    # A service without a build may run what another one builds, as a migration does.
    if service.build or service.image in {each.image for each in project.built.values()}:
        return "built"
    return "not available" if service.name in left_out else "pulled"


def _reference(project: ComposeModel, service: Service) -> str:
    return project.as_written(service.image) or f"{project.name}-{service.name}"


def _table(project: ComposeModel, left_out: dict[str, str], tests: Mapping[str, tuple[str, str]]) -> str:
    rows = [
        [
            service.name,
            _origin(project, service, left_out),
            _reference(project, service),
            " ".join(str(port) for port in service.ports),
            ", ".join(f"{name} ({condition})" for name, condition in service.depends_on.items()),
            tests.get(service.name, ("", ""))[0],
        ]
        for service in project.services.values()
    ]
    text = table.text(["service", "image is", "reference", "ports", "waits for", "tests"], rows)
    lines = [f"refused: {each}" for each in unsupported.found(project, project.services)]
    lines += [f"tests: {name}: {why}" for name, (_, why) in tests.items()]
    lines += [
        f"left out: {name}: the images map has no image for {image}; a service that needs it cannot run"
        for name, image in left_out.items()
    ]
    lines += [f"note: {each}" for each in notes.of(project)]
    return "\n".join([text, *([""] if lines else []), *lines])


def _json(project: ComposeModel, left_out: dict[str, str], tests: Mapping[str, tuple[str, str]]) -> str:
    services = [
        {
            "name": service.name,
            "image_is": _origin(project, service, left_out),
            "reference": _reference(project, service),
            "ports": [
                {"target": port.target, "published": port.published, "protocol": port.protocol}
                for port in service.ports
            ],
            "waits_for": service.depends_on,
            "networks": sorted(service.definition.networks),
            "tests": dict(zip(("kind", "why"), tests.get(service.name, ("", "")), strict=True)),
            "profiles": list(service.definition.profiles),
        }
        for service in project.services.values()
    ]
    refusals = [
        {"key": each.place, "value": each.value, "reason": each.rule.reason, "way_out": each.rule.way_out}
        for each in unsupported.found(project, project.services)
    ]
    data = {
        "project": project.name,
        "services": services,
        "refused": refusals,
        "left_out": left_out,
        "needed": list(project.needed),
        "unset": list(project.unset),
        "random": list(project.random),
        "used": project.used,
        "created_empty": unsupported.external(project.definition),
        "missing_env_files": list(project.missing),
    }
    return json.dumps(data, indent=1)


def _mermaid(project: ComposeModel) -> str:
    # A name can be a keyword of Mermaid, such as `end`, so it is a label and the node has a number.
    nodes = {name: f"s{number}" for number, name in enumerate(project.services)}
    lines = ["flowchart LR", *(f'  {node}["{name}"]' for name, node in nodes.items())]
    lines += [
        f"  {nodes[service.name]} -->|{condition.removeprefix('service_').replace('_', ' ')}| {nodes[other]}"
        for service in project.services.values()
        for other, condition in service.depends_on.items()
        if other in nodes
    ]
    return "\n".join(lines)
