"""Which Trivy may run.

In March 2026 releases 0.69.4 to 0.69.6 of Trivy, and the tag `latest` of those days, carried an
attacker's code (CVE-2026-33634, GHSA-69fq-xp46-6x23). A digest would have protected; a tag did not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.errors import PipelineError
from ci.tools import TRIVY

if TYPE_CHECKING:
    from ci.references import Reference

__all__ = ["TRIVY", "check_reference", "check_version"]


_MALICIOUS = frozenset({"0.69.4", "0.69.5", "0.69.6"})
_NEXT = "use a release from 0.70.0 on, pinned by tag and digest"


def check_version(version: str, *, where: str) -> None:
    """Refuse a version that is known to be malicious, and one that does not say what it is."""
    plain = version.strip().removeprefix("v")
    if plain in _MALICIOUS:
        raise PipelineError(
            "scan.scanner-malicious",
            f"{where}: Trivy {plain} is a release with an attacker's code (CVE-2026-33634)",
            hint=_NEXT,
        )
    if not plain[:1].isdigit():
        raise PipelineError(
            "scan.scanner-version-unknown", f"{where}: Trivy says its version is '{version}'", hint=_NEXT
        )


def check_reference(reference: Reference, *, where: str) -> None:
    """Refuse an image reference of the scanner without a version in its tag, and the malicious ones."""
    if reference.tag in ("", "latest"):
        raise PipelineError(
            "scan.scanner-without-version",
            f"{where}: {reference} does not say which release of Trivy it is",
            hint=_NEXT,
        )
    check_version(reference.tag.partition("-")[0], where=f"{where} ({reference})")
