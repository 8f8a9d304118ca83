"""Show the state of steps, engine, registry, forwarder, images, paths and disk usage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airgap import engine, forwarder, network, registry, rootfs
from airgap.catalogue import IMAGES
from airgap.imagesteps import pushed
from airgap.process import output_of
from airgap.recipe import read
from airgap.settings import VERSION
from airgap.sockets import listens, port_answers, port_owner, socket_owners

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airgap.daemon import Daemon
    from airgap.settings import Settings
    from airgap.state import State
    from airgap.steps import Step

Facts = dict[str, Any]


def facts(state: State, settings: Settings, steps: Sequence[Step]) -> Facts:
    """Collect the status as plain values; changes nothing and needs no lock."""
    return {
        "version": VERSION,
        "steps": {step.name: step.done() for step in steps if not step.tool},
        "engine": _engine(state, settings),
        "registry": _registry(state, settings),
        "forwarder": _forwarder(state, settings),
        "paths": _paths(state, settings),
        "leftovers": network.leftovers(state),
        "disk": _disk(state),
        "authorities": [path.name for path in rootfs.authorities()],
    }


def _daemon(daemon: Daemon, *, answers: bool) -> Facts:
    process = daemon.process()
    return {
        "running": process is not None,
        "answers": process is not None and answers,
        "pid": process.pid if process else None,
        "uptime": round(process.uptime()) if process else None,
    }


def _engine(state: State, settings: Settings) -> Facts:
    there = _daemon(engine.daemon(state), answers=engine.answers_here(state, settings))
    others = [] if there["running"] else socket_owners(settings.socket)
    return {
        **there,
        "address": settings.runner_host,
        "clients": engine.served(state),
        "other": ", ".join(map(str, others)),
    }


def _registry(state: State, settings: Settings) -> Facts:
    answers = port_answers(settings.registry_port)
    there = _daemon(registry.daemon(state), answers=answers)
    return {
        **there,
        "address": settings.registry,
        "other": str(port_owner(settings.registry_port) or "") if answers and not there["running"] else "",
        "images": [
            {
                "name": image.name,
                "references": list(image.references),
                "digest": pushed(state, image).get("digest"),
                "stand-in": read(image.name).stand_in,
            }
            for image in IMAGES
        ],
    }


def _forwarder(state: State, settings: Settings) -> Facts:
    answers = listens(network.GATEWAY, settings.registry_port)
    there = _daemon(forwarder.daemon(state), answers=answers)
    owner = port_owner(settings.registry_port, network.GATEWAY) if answers and not there["running"] else None
    return {**there, "address": forwarder.container_address(settings), "other": str(owner or "")}


def _paths(state: State, settings: Settings) -> dict[str, str]:
    scratch = "in the engine's own mount namespace, removed with it"
    return {
        "state": str(state.root),
        "logs": str(state.logs),
        "socket": str(settings.socket),
        "mount points (empty folders)": ", ".join(map(str, engine.mount_points(settings))),
        "BuildKit's socket": f"/run/buildkit/buildkitd.sock, {scratch}",
        "changes to /etc and /usr/bin": scratch,
        "network": f"bridge {network.BRIDGE}, iptables rules for {network.SUBNET}, net.ipv4.ip_forward=1",
        "Go's caches": "GOMODCACHE and GOCACHE, shared with other Go work; `reset` does not remove them",
    }


def _disk(state: State) -> dict[str, int]:
    """Return the megabytes used by each part of the state folder."""
    answer = (
        output_of(("sh", "-c", 'du -sxm "$1"/*/ 2>/dev/null || :', "sh", str(state.root)), timeout=60) or ""
    )
    sizes = dict(line.split("\t", 1)[::-1] for line in answer.splitlines())
    return {path.rstrip("/").rpartition("/")[2]: int(size) for path, size in sorted(sizes.items())}


def text(facts: Facts) -> str:
    """Format the facts as tables."""
    return "\n".join(_lines(facts)) + "\n"


def _lines(facts: Facts) -> Iterator[str]:
    yield f"Dagger {facts['version']}, air-gapped"
    for name in ("engine", "registry", "forwarder"):
        yield f"{name:<12}{_about(facts[name])}"
    if facts["engine"]["clients"]:
        yield f"{'clients':<12}{facts['engine']['clients']}"
    if not facts["engine"]["running"] and facts["leftovers"]:
        yield f"{'leftovers':<12}{facts['leftovers']} (`up` and `down` remove them)"
    yield from ("", "steps")
    for name, done in facts["steps"].items():
        yield f"  {name:<20}{'done' if done else 'to do'}"
    yield from ("", "images")
    for image in facts["registry"]["images"]:
        digest, references = image["digest"] or "not pushed", ", ".join(image["references"])
        yield f"  {image['name']:<14}{digest[:19]:<21}{references}"
        yield f"  {'':<14}stand-in: {image['stand-in']}"
    if facts["authorities"]:
        names = ", ".join(facts["authorities"])
        yield f"  These images trust this host's own certificate authorities ({names}); other images do not."
    yield from ("", "paths", *(f"  {name:<30}{path}" for name, path in facts["paths"].items()))
    yield from ("", "disk", *(f"  {name:<30}{size:>8} MB" for name, size in facts["disk"].items()))


def _about(daemon: Facts) -> str:
    if daemon["running"]:
        trouble = "" if daemon["answers"] else ", but does not answer: run python3 -m airgap up"
        return f"runs at {daemon['address']} (pid {daemon['pid']}, for {_span(daemon['uptime'])}){trouble}"
    if daemon["other"]:
        return f"not running; {daemon['address']} is taken by {daemon['other']}"
    return "not running: python3 -m airgap up"


def _span(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
