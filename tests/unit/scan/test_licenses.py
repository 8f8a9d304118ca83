from __future__ import annotations

import pytest

from ci.scan import licenses
from tests.unit.scan.reports import debian_result, python_result, scan


@pytest.mark.parametrize(
    ("name", "denied", "by"),
    [
        ("AGPL-3.0-only", ("AGPL-3.0-only",), "AGPL-3.0-only"),
        ("agpl-3.0-ONLY", ("AGPL-3.0-only",), "AGPL-3.0-only"),
        ("AGPL-3.0-or-later", ("AGPL-3.0-only",), ""),
        ("AGPL-3.0-or-later", ("AGPL-3.0",), "AGPL-3.0"),
        ("AGPL-3.0", ("AGPL-3.0-only",), "AGPL-3.0-only"),  # SPDX: the older name of the same
        ("Apache-2.0+", ("Apache-2.0",), "Apache-2.0"),
        ("LGPL-2.1-only", ("GPL-2.0",), ""),
        ("AGPL-3.0-or-later", ("forbidden",), "forbidden"),
        ("CC-BY-NC-SA-4.0", ("forbidden",), "forbidden"),
        ("GPL-3.0-only", ("forbidden",), ""),
        ("GPL-3.0-only", ("forbidden", "restricted"), "restricted"),
        ("MPL-2.0", ("reciprocal",), "reciprocal"),
        ("MIT OR GPL-3.0-only", ("restricted",), ""),
        ("GPL-2.0-only OR GPL-3.0-only", ("restricted",), "restricted"),
        ("MIT AND GPL-3.0-only", ("restricted",), "restricted"),
        ("(MIT OR GPL-3.0-only) AND MPL-2.0", ("restricted",), ""),
        ("(MIT OR GPL-3.0-only) AND MPL-2.0", ("MPL-2.0",), "MPL-2.0"),
        ("MIT OR (Apache-2.0 AND GPL-3.0-only)", ("GPL-3.0",), ""),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ("GPL-2.0",), "GPL-2.0"),
        ("GPL-2.0-only WITH Classpath-exception-2.0 OR MIT", ("GPL-2.0",), ""),
        ("", ("unknown",), "unknown"),
        ("Dual License", ("unknown",), "unknown"),
        ("file://LICENSE", ("unknown",), "unknown"),
        ("Commons-Clause", ("unknown",), ""),
        ("MIT", ("unknown",), ""),
        ("", ("MIT",), ""),
        ("Dual License", ("MIT",), ""),
        ("((MIT", ("MIT",), "MIT"),
        ("MIT OR", ("MIT",), "MIT"),
        ("MIT/Apache-2.0", ("MIT",), "MIT"),
        ("GPL-2.0+", ("GPL-2.0-or-later",), "GPL-2.0-or-later"),
    ],
)
def test_what_denies_a_license(name: str, denied: tuple[str, ...], by: str) -> None:
    assert licenses.denial(name, denied) == by


def test_a_package_under_a_denied_license_is_a_finding_that_says_why_and_where() -> None:
    (found,) = licenses.judged(scan(python_result()), ("MIT",), installed=True)
    assert (found.kind, found.id, found.denied_by) == ("license", "MIT", "MIT")
    assert (found.package, found.version) == ("urllib3", "1.26.16")
    assert found.place == "opt/app/urllib3-1.26.16.dist-info/METADATA"
    assert found.purl == "pkg:pypi/urllib3@1.26.16"
    assert "the setting denied-licenses: MIT" in found.title


def test_the_distribution_s_packages_are_left_out() -> None:
    system = debian_result()
    system["Packages"][0]["Licenses"] = ["GPL-3.0-or-later"]
    assert licenses.judged(scan(system), ("GPL-3.0",), installed=True) == ()


def test_a_package_that_trivy_itself_names_is_named_once() -> None:
    item = {"Name": "MIT", "Severity": "LOW", "Category": "notice", "PkgName": "urllib3"}
    trivys = {"Target": "", "Class": "license", "Licenses": [item]}
    (found,) = licenses.judged(scan(python_result(), trivys), ("MIT",), installed=True)
    assert (found.severity, found.denied_by) == ("LOW", "MIT")


def test_a_text_in_the_place_of_a_name_is_unknown_and_not_shown_as_an_id() -> None:
    result = python_result()
    result["Packages"][0]["Licenses"] = ["text://Permission is hereby granted, free of charge, to any"]
    (found,) = licenses.judged(scan(result), ("unknown",), installed=True)
    assert (found.id, found.denied_by) == ("unknown", "unknown")
