"""Convert Trivy's report on one image or the source to the other formats.

    trivy_convert.py TRIVY OUTPUT NAME [DIGEST]

It puts the image's name and digest into OUTPUT/trivy.json, and adds results.sarif, sbom.cdx.json,
sbom.spdx.json, and cut.txt if there was more than GitHub takes.
"""

from __future__ import annotations

import json
import operator
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from ci.container_scripts.trivy_process import cut_network, environment

FORMATS = {"sarif": "results.sarif", "cyclonedx": "sbom.cdx.json", "spdx-json": "sbom.spdx.json"}
# GitHub rejects larger files, or drops results silently.
SARIF_RUNS = 20
SARIF_RESULTS = 25_000

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def severity(result: dict[str, Any], rules: list[dict[str, Any]]) -> float:
    """Return a result's security severity, 0 to 10, as its rule has it."""
    index = result.get("ruleIndex", -1)
    properties = rules[index].get("properties", {}) if 0 <= index < len(rules) else {}
    return float(properties.get("security-severity", 0))


def cap(sarif: dict[str, Any], category: str) -> list[str]:
    """Cut a SARIF log to what GitHub takes, the least severe first; return what was cut, in words."""
    cut: list[str] = []
    runs = sarif["runs"]
    if len(runs) > SARIF_RUNS:
        cut.append(f"{len(runs) - SARIF_RUNS} of {len(runs)} runs left out: a file may have {SARIF_RUNS}")
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
        cut.append(text)
        run["results"] = sorted(results, key=lambda each: -severity(each, rules))[:SARIF_RESULTS]
        notification = {"level": "warning", "message": {"text": text}}
        run["invocations"] = [{"executionSuccessful": True, "toolExecutionNotifications": [notification]}]
    return cut


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
    # The image of another platform is named after it, which is no part of a reference.
    name_artifact(report, name.partition("@")[0], digest)
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
    left_out = cap(sarif, f"trivy/{name}")
    sarif_path.write_text(json.dumps(sarif))
    if left_out:
        (output / "cut.txt").write_text("\n".join(left_out) + "\n")


def main(arguments: list[str]) -> None:
    """Convert."""
    match arguments:
        case [trivy, output, name, *digest]:
            cut_network()
            convert(trivy, Path(output), name, "".join(digest))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
