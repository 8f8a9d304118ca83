"""Licenses that the project does not take, and what has them.

Categories are those of Google's licenseclassifier, which Trivy has by default
(https://trivy.dev/docs/latest/guide/scanner/license/): the three that anybody would refuse, and
`unknown`. The distribution's own packages are left out: every base image has hundreds under the GPL.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ci.errors import PipelineError
from ci.scan.findings import Finding

if TYPE_CHECKING:
    from ci.scan.findings import Scan

__all__ = ["UNKNOWN", "check", "judged", "refusal"]

UNKNOWN = "unknown"
_CREATIVE_COMMONS = ("1.0", "2.0", "2.5", "3.0", "4.0")
_CATEGORIES = {
    "forbidden": (
        *("AGPL-1.0", "AGPL-3.0", "Commons-Clause", "WTFPL"),
        *(f"CC-BY-NC{more}-{version}" for more in ("", "-ND", "-SA") for version in _CREATIVE_COMMONS),
        *("Facebook-2-Clause", "Facebook-3-Clause", "Facebook-Examples"),
    ),
    "restricted": (
        *("GPL-1.0", "GPL-2.0", "GPL-3.0", "LGPL-2.0", "LGPL-2.1", "LGPL-3.0"),
        *(f"GPL-2.0-with-{name}-exception" for name in ("autoconf", "bison", "classpath", "font", "GCC")),
        *("GPL-3.0-with-autoconf-exception", "GPL-3.0-with-GCC-exception"),
        *(f"CC-BY-{more}-{version}" for more in ("ND", "SA") for version in _CREATIVE_COMMONS),
        *("BCL", "NPL-1.0", "NPL-1.1", "QPL-1.0", "Sleepycat"),
        *("OSL-1.0", "OSL-1.1", "OSL-2.0", "OSL-2.1", "OSL-3.0"),
    ),
    "reciprocal": (
        *("APSL-1.0", "APSL-1.1", "APSL-1.2", "APSL-2.0", "CDDL-1.0", "CDDL-1.1", "CPL-1.0"),
        *("EPL-1.0", "EPL-2.0", "FreeImage", "IPL-1.0", "MPL-1.0", "MPL-1.1", "MPL-2.0", "Ruby"),
    ),
}
# Names to suggest beside those above.
_OTHERS = ("Apache-2.0", "BSD-3-Clause", "BUSL-1.1", "Elastic-2.0", "MIT", "SSPL-1.0")
_VERSIONS = re.compile(r"(-only|-or-later|\+)$", re.IGNORECASE)
_WORDS = re.compile(r"[()]|[^\s()]+")
# What Trivy rates a license that somebody should look at.
_SEVERITY = "HIGH"


def check(entries: list[object], *, where: str) -> tuple[str, ...]:
    """Return the entries of a policy; what is neither an SPDX id nor a category is an error."""
    categories = [*_CATEGORIES, UNKNOWN]
    known = [*categories, *(each for group in _CATEGORIES.values() for each in group), *_OTHERS]
    for entry in entries:
        if isinstance(entry, str) and (entry in known or (" " not in entry and _is_spdx(entry))):
            continue
        near = difflib.get_close_matches(str(entry), known, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise PipelineError(
            "scan.unknown-license",
            f"{where} names {entry!r}, which is no license",
            hint=f"{hint}give ids of https://spdx.org/licenses/, or {', '.join(categories)}",
        )
    return tuple(str(entry) for entry in entries)


def refusal(name: str, refused: tuple[str, ...]) -> str:
    """Return the entry that a license falls under, empty if it may be used.

    Of an expression with OR any may be chosen, so all must be refused. An id without `-only` or
    `-or-later` is about both. WITH an exception it is the license that counts.
    """
    if UNKNOWN in refused and not _is_spdx(name) and not _category(name):
        return UNKNOWN
    words = _WORDS.findall(name)
    entry, rest = _either(words, refused)
    return entry if not rest else _simple(name, refused)


def judged(scan: Scan, refused: tuple[str, ...], *, installed: bool) -> tuple[Finding, ...]:
    """Return a scan's findings with its licenses judged: those that are refused are findings that say so.

    `installed` says that packages were found as they are installed: only then does it mean something
    that one names no license, because a lock has none.
    """
    if not installed:
        refused = tuple(entry for entry in refused if entry != UNKNOWN)
    known = tuple(
        replace(each, refused=refusal(each.id, refused)) if each.kind == "license" else each
        for each in scan.findings
    )
    told = {(each.package, each.id) for each in known if each.refused}
    found = []
    for each in scan.licensed:
        entry = refusal(each.license, refused)
        # What names no license can be the text of one.
        name = UNKNOWN if entry == UNKNOWN else each.license
        if entry and (each.package, name) not in told:
            title = f"license refused by tool.ci.denied-licenses: {entry}"
            found.append(
                Finding(
                    kind="license",
                    id=name,
                    severity=_SEVERITY,
                    title=title,
                    place=each.place,
                    package=each.package,
                    version=each.version,
                    purl=each.purl,
                    refused=entry,
                )
            )
    return (*known, *found)


def _is_spdx(text: str) -> bool:
    # Imported here: its list of all licenses takes a while to load, and most calls need none of it.
    from packaging.licenses import (  # noqa: PLC0415
        InvalidLicenseExpression,
        canonicalize_license_expression,
    )

    try:
        canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return False
    return True


def _either(words: list[str], refused: tuple[str, ...]) -> tuple[str, list[str]]:
    """Read alternatives up to a closing parenthesis; return what refuses them, and the words left."""
    entry, words = _all(words, refused)
    while words and words[0].upper() == "OR":
        other, words = _all(words[1:], refused)
        entry = entry and other
    return entry, words


def _all(words: list[str], refused: tuple[str, ...]) -> tuple[str, list[str]]:
    entry, words = _one(words, refused)
    while words and words[0].upper() == "AND":
        other, words = _one(words[1:], refused)
        entry = entry or other
    return entry, words


def _one(words: list[str], refused: tuple[str, ...]) -> tuple[str, list[str]]:
    if words[:1] == ["("]:
        entry, rest = _either(words[1:], refused)
        return entry, rest[1:]
    entry = _simple(words[0], refused) if words else ""
    rest = words[1:]
    return entry, rest[2:] if rest and rest[0].upper() == "WITH" else rest


def _simple(name: str, refused: tuple[str, ...]) -> str:
    names = {name.casefold(), _VERSIONS.sub("", name).casefold(), _category(name)}
    return next((entry for entry in refused if entry.casefold() in names), "")


def _category(license_name: str) -> str:
    names = {license_name.casefold(), _VERSIONS.sub("", license_name).casefold()}
    return next(
        (name for name, group in _CATEGORIES.items() if any(each.casefold() in names for each in group)), ""
    )
