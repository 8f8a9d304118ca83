"""Have Trivy apply a file of exceptions where its scan alone does not.

    trivy_exceptions.py check TRIVY EXCEPTIONS OUTPUT
    trivy_exceptions.py apply TRIVY EXCEPTIONS REPORT

`check` writes to OUTPUT, as JSON, the entries that Trivy refuses, by section and number, with its
message. `apply` moves what the exceptions let through in a REPORT to its suppressed findings, where
the report was changed since its scan. EXCEPTIONS is JSON in Trivy's schema.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ci.container_scripts.trivy_process import TAIL, cut_network, environment

Json = dict[str, Any]

MODIFIED = "ExperimentalModifiedFindings"
# The name that an exception gives the license of a package that names none.
UNKNOWN = "unknown"


def flags(exceptions: str) -> list[str]:
    """Return the options of a scan that applies the exceptions and reports what they let through."""
    return [] if exceptions == "-" else ["--ignorefile", exceptions, "--show-suppressed"]


def check(trivy: str, exceptions: Json) -> list[Json]:
    """Return the entries that Trivy refuses: an invalid pattern, package URL or text."""
    if not filter_report(trivy, [], exceptions)[1]:
        return []
    wrong = []
    for section, entries in exceptions.items():
        for number, entry in enumerate(entries, 1):
            message = filter_report(trivy, [], {section: [entry]})[1]
            if message:
                wrong.append({"section": section, "number": number, "message": message})
    return wrong


def filter_report(trivy: str, results: list[Json], exceptions: Json) -> tuple[list[Json], str]:
    """Return the results after the exceptions, and Trivy's message if it refuses these."""
    with tempfile.TemporaryDirectory() as work:
        report, rules, output = (Path(work, name) for name in ("report.json", "rules.yaml", "output.json"))
        artifact = {"SchemaVersion": 2, "ArtifactName": "report", "ArtifactType": "filesystem"}
        report.write_text(json.dumps({**artifact, "Results": results}))
        rules.write_text(json.dumps(exceptions))
        words = ["--ignorefile", str(rules), "--show-suppressed", "--format", "json", "--output", str(output)]
        done = subprocess.run(
            [trivy, "convert", *words, str(report)],
            env=environment(work),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            return [], done.stderr.strip()[-TAIL:] or f"exit code {done.returncode}"
        filtered: list[Json] = json.loads(output.read_text()).get("Results") or []
        return filtered, ""


def apply(trivy: str, report: Path, exceptions: str) -> None:
    """Move the secrets that are let through; their places are other ones than when Trivy found them."""
    read = json.loads(report.read_text())
    results = read.get("Results") or []
    filtered = required(trivy, results, exceptions)
    moved = [(each["Target"], finding) for each in filtered for finding in each.get(MODIFIED) or ()]
    for result in results:
        for target, finding in moved:
            secret = finding["Finding"]
            if target != result["Target"] or finding["Type"] != "secret":
                continue
            for own in [each for each in result.get("Secrets") or () if same(each, secret)]:
                result["Secrets"].remove(own)
                result.setdefault(MODIFIED, []).append({**finding, "Finding": own})
    report.write_text(json.dumps(read, indent=1))


def same(own: Json, filtered: Json) -> bool:
    """Whether two records are of one secret."""
    return all(own.get(name) == filtered.get(name) for name in ("RuleID", "StartLine", "EndLine"))


def required(trivy: str, results: list[Json], exceptions: str) -> list[Json]:
    """Return the filtered results of exceptions that have been checked."""
    filtered, message = filter_report(trivy, results, json.loads(Path(exceptions).read_text()))
    if message:
        sys.exit(message)
    return filtered


def add_licenses(trivy: str, report: Path, exceptions: str) -> None:
    """Add to a report which of its packages' licenses are let through.

    Images are scanned without Trivy's scanner of licenses, and that one passes over packages that name none.
    """
    if not json.loads(Path(exceptions).read_text()).get("licenses"):
        return
    read = json.loads(report.read_text())
    results = read.get("Results") or []
    listed = [license_result(each) for each in results if each.get("Class") == "lang-pkgs"]
    filtered = required(trivy, [each for each in listed if each["Licenses"]], exceptions)
    found = [finding for each in filtered for finding in each.get(MODIFIED) or ()]
    if found:
        read["Results"] = [*results, {"Target": "licenses", "Class": "license", MODIFIED: found}]
        report.write_text(json.dumps(read, indent=1))


def license_result(result: Json) -> Json:
    """Return the licenses of a result's packages in the form in which Trivy reports them."""
    licenses = [
        {
            "Severity": "UNKNOWN",
            "Category": "unknown",
            "PkgName": package["Name"],
            "FilePath": package.get("FilePath") or result["Target"],
            "Name": name,
        }
        for package in result.get("Packages") or ()
        for name in package.get("Licenses") or (UNKNOWN,)
    ]
    return {"Target": result["Target"], "Class": "license", "Licenses": licenses}


def main(arguments: list[str]) -> None:
    """Run one of the two commands."""
    match arguments:
        case ["check", trivy, exceptions, output]:
            cut_network()
            Path(output).write_text(json.dumps(check(trivy, json.loads(Path(exceptions).read_text()))))
        case ["apply", trivy, exceptions, report]:
            cut_network()
            apply(trivy, Path(report), exceptions)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
