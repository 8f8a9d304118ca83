from __future__ import annotations

import pytest

from ci.scan import upgrades
from ci.scan.findings import Finding


def found(identifier: str, fixed: str, package: str = "urllib3", layer: int = -1) -> Finding:
    return Finding(
        "vulnerability",
        identifier,
        "HIGH",
        "",
        "x",
        package=package,
        version="1.26.16",
        fixed=fixed,
        layer=layer,
    )


@pytest.mark.parametrize(
    ("installed", "fixed", "lowest"),
    [
        ("1.26.16", "1.26.17, 2.0.6", "1.26.17"),
        ("1.26.17", "1.26.17, 2.0.6", "2.0.6"),
        ("2.0.5", "1.26.17, 2.0.6", "2.0.6"),
        ("1.9", "1.10", "1.10"),
        ("2.0rc1", "2.0, 1.5", "2.0"),
        ("3.5.1-1", "3.5.1-1+deb13u1", "3.5.1-1+deb13u1"),
        ("1:9.1p1-1", "1:10.0p1-2, 2:1.0", "1:10.0p1-2"),
        ("5", "4", "5"),
    ],
)
def test_the_lowest_version_with_a_fix_that_is_an_upgrade(installed: str, fixed: str, lowest: str) -> None:
    assert upgrades.lowest_fix(installed, fixed) == lowest


def test_the_change_that_removes_most_comes_first_and_goes_as_far_as_all_need() -> None:
    made = upgrades.changes(
        [
            ("web", found("CVE-1", "1.26.17")),
            ("web", found("CVE-2", "1.26.19, 2.0.1")),
            ("api", found("CVE-1", "1.26.17")),
            ("web", found("CVE-3", "9", package="tar", layer=0)),
            ("web", found("CVE-4", "", package="tar")),
        ],
        {"web": upgrades.Base("python:3", 1)},
    )
    assert [(each.text, len(each.removes), each.subjects) for each in made] == [
        ("upgrade urllib3 from 1.26.16 to 1.26.19", 3, ("web", "api")),
        ("rebuild on a newer python:3", 1, ("web",)),
    ]
