"""The packages of an image are compared by both SBOMs, by kind and name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ci.report import documents, packages
from ci.report.html import page
from ci.report.model import PackageChange
from ci.report.read import read
from tests.unit.report.folders import Report

if TYPE_CHECKING:
    from pathlib import Path

BEFORE = (
    *("pkg:deb/debian/apt@3.0.4", "pkg:deb/debian/tar@1.35"),
    *("pkg:pypi/gone@1", "pkg:pypi/idna@3.7", "pkg:pypi/idna@2.10"),
)
NOW = ("pkg:deb/debian/apt@3.0.5", "pkg:pypi/idna@3.7", "pkg:pypi/tar@1.35", "pkg:deb/debian/tar@1.35")


def sbom(path: Path, urls: tuple[str, ...]) -> Path:
    """Write a CycloneDX document with packages, as Trivy does."""
    components = [{"type": "operating-system", "name": "debian", "version": "13.8"}]
    for url in urls:
        name, _, version = url.rpartition("/")[2].partition("@")
        components.append({"type": "library", "name": name, "version": version, "purl": f"{url}?arch=amd64"})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"bomFormat": "CycloneDX", "components": components}))
    return path


def test_what_was_added_removed_or_upgraded(tmp_path: Path) -> None:
    found = packages.changes(sbom(tmp_path / "now", NOW), sbom(tmp_path / "before", BEFORE))
    assert found == (
        PackageChange("apt", "deb", "3.0.4", "3.0.5"),
        PackageChange("gone", "pypi", "1", ""),
        PackageChange("idna", "pypi", "2.10, 3.7", "3.7"),
        PackageChange("tar", "pypi", "", "1.35"),
    )


def test_a_run_without_an_sbom_is_not_compared(tmp_path: Path) -> None:
    assert packages.changes(sbom(tmp_path / "now", NOW), tmp_path / "before") is None
    assert packages.changes(tmp_path / "before", sbom(tmp_path / "now", NOW)) is None


def test_the_page_says_what_was_not_compared(tmp_path: Path) -> None:
    services = ("gateway", "agent", "same", "new")
    folder, earlier = Report(services=services).write(tmp_path / "now"), tmp_path / "earlier"
    text = json.dumps(Report(services=services[:3]).summary())
    (folder / "earlier.json").write_text(text)
    for name, urls in {"gateway": BEFORE, "same": NOW}.items():
        sbom(folder / packages.SBOM.format(name), NOW)
        sbom(earlier / packages.SBOM.format(name), urls)
    run = read(folder, earlier)
    assert isinstance(run.earlier, documents.Summary)
    html = page.render(run)
    assert "1 added, 1 removed, 2 with another version" in html
    assert "Not compared, because one of the reports has no SBOM: agent, new." in html
    assert "The same packages: same." in html
