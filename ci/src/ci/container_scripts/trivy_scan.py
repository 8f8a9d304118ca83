"""Run Trivy without a network, and convert its report.

    trivy_scan.py scan TRIVY OUTPUT SECONDS ARGUMENT ...
    trivy_scan.py convert TRIVY OUTPUT NAME [DIGEST]

`scan` writes OUTPUT/trivy.json and OUTPUT/outcome.json: exit code, seconds, and where a comment makes
Trivy pass over findings, which its report does not say. Findings are exit code 10, so that a crash,
which is 1 or 2, is never read as one: then this ends with that code, and nothing is cached. What is
packed as a tar, which Trivy does not read, is unpacked for it.
`convert` puts the image's name and digest into the report, and adds results.sarif, sbom.cdx.json,
sbom.spdx.json, and cut.txt if there was more than GitHub takes.
"""

from __future__ import annotations

import ctypes
import errno
import json
import operator
import os
import platform
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

FOUND = 10
CRASHED, TIMED_OUT = 2, 3
TAIL = 4000

FORMATS = {"sarif": "results.sarif", "cyclonedx": "sbom.cdx.json", "spdx-json": "sbom.spdx.json"}
# Beyond this GitHub refuses a file, or drops results without a word.
SARIF_RUNS = 20
SARIF_RESULTS = 25_000

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# A word of a line, as Trivy's pkg/iac/ignore/parse.go finds it.
INLINE = re.compile(r"(?<!\S)[#/*]*(?:trivy|tfsec):(?:\S*:)?ignore:\S")

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SECCOMP_ALLOW, SECCOMP_ERRNO, SECCOMP_KILL = 0x7FFF0000, 0x00050000, 0x80000000
# The audit architecture, and the numbers of socket(2) and io_uring_setup(2).
CALLS = {"x86_64": (0xC000003E, 41, 425), "aarch64": (0xC00000B7, 198, 425)}
X32_BIT = 0x40000000
AF_UNIX = 1


def instruction(code: int, if_true: int, if_false: int, value: int) -> bytes:
    """Return one classic BPF instruction."""
    return struct.pack("<HBBI", code, if_true, if_false, value)


def no_network_filter(machine: str) -> bytes:
    """Return a filter in which socket(2) makes Unix sockets only; all else stays as it is."""
    if machine not in CALLS:
        raise OSError(errno.ENOSYS, f"the scanner cannot be cut from the network on {machine}")
    architecture, socket_call, io_uring_setup = CALLS[machine]
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    deny = SECCOMP_ERRNO | errno.EACCES
    return b"".join(
        (
            instruction(load, 0, 0, 4),  # the architecture
            instruction(equal, 1, 0, architecture),
            instruction(give, 0, 0, SECCOMP_KILL),
            instruction(load, 0, 0, 0),  # the call
            instruction(at_least, 4, 0, X32_BIT),
            instruction(equal, 3, 0, io_uring_setup),  # it makes sockets past this filter
            instruction(equal, 0, 3, socket_call),
            instruction(load, 0, 0, 16),  # its first argument, the family
            instruction(equal, 1, 0, AF_UNIX),
            instruction(give, 0, 0, deny),
            instruction(give, 0, 0, SECCOMP_ALLOW),
        )
    )


def cut_network() -> None:
    """Take from this process, and from all that it starts, the ability to open a network socket.

    A container's exec has a network and no setting to have none; this needs no privilege.
    """
    program = ctypes.create_string_buffer(no_network_filter(platform.machine()))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(header), 0, 0),
    ):
        if libc.prctl(*arguments):
            code = ctypes.get_errno()
            raise OSError(code, f"the scanner cannot be cut from the network: {os.strerror(code)}")


def scan(trivy: str, output: Path, seconds: float, arguments: list[str]) -> int:
    """Run Trivy; return the exit code to end with."""
    output.mkdir(parents=True, exist_ok=True)
    report = ("--format", "json", "--output", str(output / "trivy.json"), "--exit-code", str(FOUND))
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        command = [trivy, *(unpacked(argument, Path(work, "image")) for argument in arguments), *report]
        try:
            done = subprocess.run(
                command,
                env=environment(work),
                stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            print(f"not done within {seconds:g} s", file=sys.stderr)
            return TIMED_OUT
    if done.returncode not in (0, FOUND):
        print(done.stderr.partition("\ngoroutine ")[0][-TAIL:], file=sys.stderr)  # no stack of a panic
        return done.returncode if done.returncode > 0 else CRASHED
    outcome = {
        "exit_code": done.returncode,
        "seconds": round(time.monotonic() - started, 2),
        "inline": inline(output / "trivy.json", Path(arguments[-1])),
    }
    (output / "outcome.json").write_text(json.dumps(outcome))
    return 0


def inline(report: Path, source: Path) -> list[str]:
    """Return FILE:LINE of each comment that makes Trivy pass over findings in a configuration it read.

    Only a folder has such files: the report on an image, which can be large, is not read for it.
    """
    if not source.is_dir():
        return []
    try:
        results = json.loads(report.read_text())["Results"]
    except (json.JSONDecodeError, KeyError):
        return []  # who reads the report says what is wrong with it
    read = sorted({each["Target"] for each in results if each.get("Class") == "config"})
    return [
        f"{name}:{number}"
        for name in read
        if (source / name).is_file()
        for number, line in enumerate((source / name).read_text(errors="replace").split("\n"), 1)
        if INLINE.search(line)
    ]


def unpacked(argument: str, folder: Path) -> str:
    """Return the argument; of a tar, the folder that it is unpacked into."""
    if not argument.endswith(".tar"):
        return argument
    folder.mkdir()
    with tarfile.open(argument) as packed:
        packed.extractall(folder, filter="data")
    return str(folder)


def environment(work: str) -> dict[str, str]:
    """Return Trivy's environment: nothing of the caller's, and no folder with anybody's credentials."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TMPDIR": work}


def severity(result: dict[str, Any], rules: list[dict[str, Any]]) -> float:
    """Return a result's security severity, 0 to 10, as its rule has it."""
    index = result.get("ruleIndex", -1)
    properties = rules[index].get("properties", {}) if 0 <= index < len(rules) else {}
    return float(properties.get("security-severity", 0))


def cap(sarif: dict[str, Any], category: str) -> list[str]:
    """Cut a SARIF log to what GitHub takes, the least severe first; return what was cut, in words."""
    said: list[str] = []
    runs = sarif["runs"]
    if len(runs) > SARIF_RUNS:
        said.append(f"{len(runs) - SARIF_RUNS} of {len(runs)} runs left out: a file may have {SARIF_RUNS}")
        del runs[SARIF_RUNS:]
    for run in runs:
        run["automationDetails"] = {"id": f"{category}/"}
        results = run.get("results") or []
        if len(results) <= SARIF_RESULTS:
            continue
        rules = run["tool"]["driver"].get("rules", [])
        text = (
            f"the {len(results) - SARIF_RESULTS} least severe of {len(results)} results left out: "
            f"a run may have {SARIF_RESULTS}"
        )
        said.append(text)
        run["results"] = sorted(results, key=lambda each: -severity(each, rules))[:SARIF_RESULTS]
        notification = {"level": "warning", "message": {"text": text}}
        run["invocations"] = [{"executionSuccessful": True, "toolExecutionNotifications": [notification]}]
    return said


def name_artifact(report: dict[str, Any], name: str, digest: str) -> None:
    """Say in the report what was scanned, instead of the path where it lay for that."""
    report["ArtifactName"] = name
    if digest:
        # It is in no registry yet: a host has to be named, or Docker Hub would be.
        report.setdefault("Metadata", {})["RepoDigests"] = [f"localhost/{name}@{digest}"]
    for result in report.get("Results") or ():
        if result.get("Class") == "os-pkgs":
            result["Target"] = name


def without_chance(sbom: dict[str, Any], digest: str) -> dict[str, Any]:
    """Return a CycloneDX SBOM that depends on the image alone: attached to a digest, it is attached once.

    Trivy gives it a serial number, the time, random references, and an order that follows those.
    """
    sbom.pop("serialNumber", None)
    metadata = sbom.get("metadata", {})
    metadata.pop("timestamp", None)
    components = [metadata.get("component", {}), *sbom.get("components", ())]
    text = json.dumps(sbom)
    for component in components:
        reference = component.get("bom-ref", "")
        if UUID.fullmatch(reference):
            what = json.dumps({**component, "bom-ref": ""}, sort_keys=True)
            text = text.replace(reference, str(uuid.uuid5(uuid.NAMESPACE_URL, digest + what)))
    sbom = json.loads(text)
    for each in sbom.get("dependencies", ()):
        each.get("dependsOn", []).sort()
    sbom.get("dependencies", []).sort(key=operator.itemgetter("ref"))
    sbom.get("components", []).sort(key=operator.itemgetter("bom-ref"))
    return sbom


def convert(trivy: str, output: Path, name: str, digest: str) -> None:
    """Write the report in the other formats."""
    path = output / "trivy.json"
    report = json.loads(path.read_text())
    name_artifact(report, name, digest)
    path.write_text(json.dumps(report, indent=1))
    for form, target in FORMATS.items():
        command = [trivy, "convert", "--quiet", "--format", form, "--output", str(output / target), str(path)]
        subprocess.run(command, env=environment(str(output)), check=True)
    sarif_path = output / FORMATS["sarif"]
    sarif = json.loads(sarif_path.read_text())
    sbom = output / FORMATS["cyclonedx"]
    sbom.write_text(
        json.dumps(without_chance(json.loads(sbom.read_text()), digest), indent=1, sort_keys=True)
    )
    said = cap(sarif, f"trivy/{name}")
    sarif_path.write_text(json.dumps(sarif))
    if said:
        (output / "cut.txt").write_text("\n".join(said) + "\n")


def main(arguments: list[str]) -> None:
    """Run one of the two commands."""
    match arguments:
        case ["scan", trivy, output, seconds, *rest]:
            cut_network()
            sys.exit(scan(trivy, Path(output), float(seconds), rest))
        case ["convert", trivy, output, name, *digest]:
            cut_network()
            convert(trivy, Path(output), name, "".join(digest))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
