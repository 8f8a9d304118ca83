"""Licenses that the project denies, and the packages under them.

Categories are those of Google's licenseclassifier, which Trivy has by default
(https://trivy.dev/docs/latest/guide/scanner/license/): the three that anybody would deny, and
`unknown`. The distribution's own packages are left out: every base image has hundreds under the GPL.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.scan.findings import Finding
from ci.spelling import closest, written

if TYPE_CHECKING:
    from ci.scan.findings import Scan

__all__ = ["UNKNOWN", "check", "denial", "judged"]

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
_WORDS = re.compile(r"[\w.+-]+")
_VERSIONS = re.compile(r"(-only|-or-later|\+)$", re.IGNORECASE)
# What Trivy rates a license that somebody should look at.
_SEVERITY = "HIGH"


_OWN_REFERENCE = "LicenseRef-"


def check(entries: list[object], *, where: str) -> tuple[str, ...]:
    """Return the entries of a policy; what is neither an SPDX id nor a category is an error."""
    categories = [*_CATEGORIES, UNKNOWN]
    known = [*categories, *(each for group in _CATEGORIES.values() for each in group), *_OTHERS]
    for entry in entries:
        if isinstance(entry, str) and (entry in known or (" " not in entry and _is_spdx(entry))):
            continue
        near = closest(str(entry), known)
        hint = f"did you mean '{near}'? " if near else ""
        raise PipelineError(
            "scan.unknown-license",
            f"{where} names {written(entry)}, which is not a license",
            hint=f"{hint}give ids of https://spdx.org/licenses/, or {', '.join(categories)}",
        )
    return tuple(str(entry) for entry in entries)


def denial(name: str, denied: tuple[str, ...]) -> str:
    """Return the entry that a license falls under, empty if it may be used.

    Of an expression with OR any may be chosen, so all must be denied. An id without `-only` or
    `-or-later` is about both. WITH an exception it is the license that counts.
    """
    if UNKNOWN in denied and not _is_spdx(name) and not _category(name):
        return UNKNOWN
    parsed = _parsed(name)
    if parsed is None:  # then each name in it counts
        return next(filter(None, (_simple(word, denied) for word in _WORDS.findall(name))), "")
    return _expression(parsed, denied)


def judged(scan: Scan, denied: tuple[str, ...], *, installed: bool) -> tuple[Finding, ...]:
    """Return a scan's findings with its licenses judged: those that are denied are findings that say so.

    `installed` says that packages were found as they are installed: only then does it mean something
    that one names no license, because a lock has none.
    """
    if not installed:
        denied = tuple(entry for entry in denied if entry != UNKNOWN)
    known = tuple(
        replace(each, denied_by=denial(each.id, denied)) if each.kind == "license" else each
        for each in scan.findings
    )
    reported = {(each.package, each.id) for each in known if each.denied_by}
    found = []
    for each in scan.licensed:
        entry = denial(each.license, denied)
        # What names no license can be the text of one.
        name = UNKNOWN if entry == UNKNOWN else each.license
        if entry and (each.package, name) not in reported:
            found.append(
                Finding(
                    kind="license",
                    id=name,
                    severity=_SEVERITY,
                    title=f"license denied by the setting denied-licenses: {entry}",
                    place=each.place,
                    package=each.package,
                    version=each.version,
                    purl=each.purl,
                    denied_by=entry,
                    excepted_by=each.excepted_by,
                )
            )
    return (*known, *found)


@cache
def _library() -> Any:  # noqa: ANN401 - the library has no types
    # Imported here: its list of all licenses takes a while to load, and most calls need none of it.
    from license_expression import get_spdx_licensing  # type: ignore[import-untyped]  # noqa: PLC0415

    library = get_spdx_licensing()
    # It builds its index at the first use, and another thread would meet half of one.
    library.parse("MIT")
    return library


def _parsed(text: str) -> Any:  # noqa: ANN401 - as the library has it
    """Return an expression as a tree; nothing for a text that is none."""
    from license_expression import ExpressionError, ExpressionParseError  # noqa: PLC0415

    try:
        return _library().parse(text)
    except (ExpressionError, ExpressionParseError):
        return None


def _is_spdx(text: str) -> bool:
    parsed = _parsed(text)
    if parsed is None:
        return False
    unknown = _library().unknown_license_symbols(parsed)
    return all(str(symbol.key).startswith(_OWN_REFERENCE) for symbol in unknown)


def _expression(tree: Any, denied: tuple[str, ...]) -> str:  # noqa: ANN401 - as the library has it
    library = _library()
    if isinstance(tree, library.OR):
        entries = [_expression(each, denied) for each in tree.args]
        return entries[0] if all(entries) else ""
    if isinstance(tree, library.AND):
        return next(filter(None, (_expression(each, denied) for each in tree.args)), "")
    return _simple(str(getattr(tree, "license_symbol", tree).key), denied)


def _simple(name: str, denied: tuple[str, ...]) -> str:
    names = {name.casefold(), _VERSIONS.sub("", name).casefold(), _category(name)}
    return next((entry for entry in denied if entry.casefold() in names), "")


def _category(name: str) -> str:
    names = {name.casefold(), _VERSIONS.sub("", name).casefold()}
    return next(
        (name for name, group in _CATEGORIES.items() if any(each.casefold() in names for each in group)), ""
    )
