"""Clean up what an engine leaves in the network namespace: its bridge and iptables rules.

This happens only while no engine runs, and only if the state folder records that an engine of ours was the
last one in this namespace.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from airgap.process import boot_id, output_of, run
from airgap.settings import DEFAULT_SOCKET
from airgap.sockets import socket_owners
from airgap.state import read_json, write, write_json

if TYPE_CHECKING:
    from airgap.state import State

# Dagger's defaults (network/consts.go): the network's name with a 0, and its subnet.
BRIDGE = "dagger0"
SUBNET = "10.87.0.0/16"
GATEWAY = "10.87.0.1"  # the bridge's address, which is the host as seen by containers
_OURS = re.compile(r'name: \\"dagger\\" id: ')
_ADDRESS = re.compile(r" -[sd] 10\.87\.\d+\.\d+/32 ")
# Chains that all users of the CNI plugins on a machine share.
_SHARED = ("CNI-FORWARD", "CNI-ADMIN")
_CHAIN = re.compile(r" -j (CNI-[0-9a-f]{24})$")


def mark(state: State) -> None:
    """Record that an engine of ours starts in this namespace, so that what it creates can be removed."""
    found = [chain for chain in _SHARED if f":{chain} " in saved_rules()]
    write_json(state / "network.json", {**_here(), "found": found})


def ours(state: State) -> bool:
    """Return whether an engine of this state folder was the last one in this namespace."""
    mark = read_json(state / "network.json")
    return {key: mark.get(key) for key in _here()} == _here()


def leftovers(state: State) -> str:
    """Describe our bridge and our number of rules, or return "" if there are none."""
    if not ours(state):
        return ""
    rules = [line for line in saved_rules().splitlines() if line.startswith("-A") and _is_ours(line)]
    found = [f"bridge {BRIDGE}"] if _bridge_exists() else []
    return ", ".join([*found, *([f"{len(rules)} rules of iptables"] if rules else [])])


def clean(state: State) -> None:
    """Remove our bridge and rules."""
    if not ours(state) or socket_owners(DEFAULT_SOCKET):
        return
    log = state.log("network")
    undo = removal(saved_rules(), found=read_json(state / "network.json").get("found", []))
    if undo:
        script = state / "network.rules"
        write(script, undo)
        run((_iptables("restore"), "--noflush", str(script)), log=log)
        script.unlink()
    if _bridge_exists():
        run(("ip", "link", "delete", BRIDGE), log=log)
    (state / "network.json").unlink()


def removal(rules: str, *, found: list[str]) -> str:
    """Build the input of iptables-restore that removes our rules from iptables-save's output, or return "".

    Shared chains stay if they were ``found`` before our engine started.
    """
    tables: dict[str, list[str]] = {}
    drop: list[str] = []
    table = ""
    shared = [chain for chain in _SHARED if f":{chain} " in rules and chain not in found]
    for line in rules.splitlines():
        if line.startswith("*"):
            table, drop = line, []
            tables[table] = []
        elif line.startswith("-A") and (
            _is_ours(line) or any(line.endswith(f" -j {chain}") for chain in shared)
        ):
            tables[table].append(f"-D{line[2:]}")
            drop += _CHAIN.findall(line)
        elif line == "COMMIT":
            mine = [*dict.fromkeys(drop), *(chain for chain in shared if table == "*filter")]
            tables[table] += [f"{option} {chain}" for option in ("-F", "-X") for chain in mine]
    return "".join("\n".join((name, *lines, "COMMIT", "")) for name, lines in tables.items() if lines)


def _is_ours(rule: str) -> bool:
    return bool(_OURS.search(rule)) or (
        rule.startswith("-A CNI-FORWARD ") and bool(_ADDRESS.search(f"{rule} "))
    )


def _here() -> dict[str, object]:
    return {"namespace": Path("/proc/self/ns/net").stat().st_ino, "boot": boot_id()}


def _bridge_exists() -> bool:
    return any(name == BRIDGE for _, name in socket.if_nameindex())


def saved_rules() -> str:
    """Return the output of iptables-save, of the variant that the engine uses; "" if it is not installed."""
    return output_of((_iptables("save"),)) or ""


def _iptables(what: str) -> str:
    # As Dagger does (network/netinst/iptables.go): the legacy interface wherever the kernel has it.
    kind = "legacy" if Path("/proc/net/ip_tables_names").exists() else "nft"
    return f"/usr/sbin/iptables-{kind}-{what}"
