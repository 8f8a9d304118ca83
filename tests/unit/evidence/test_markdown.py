from __future__ import annotations

from datetime import UTC, datetime

from ci.evidence import claims
from ci.evidence.claims import Claim
from ci.evidence.evidence import Proven
from ci.evidence.markdown import markdown
from ci.evidence.statement import Run

WHEN = datetime(2026, 11, 30, 12, tzinfo=UTC)
RUN = Run("https://ci.example.com/1", "linux/amd64", WHEN, 1.0)
LOCAL = Run("", "linux/amd64", WHEN, 1.0)


def proven(gate: str, name: str, run: Run = RUN, *, known: bool = True) -> Proven:
    return Proven(Claim(gate, name, {}, {}), run, known)


def test_each_gate_has_a_row_with_links_to_the_runs() -> None:
    text = markdown(
        [
            proven(claims.UNIT, "web"),
            proven(claims.UNIT, "api", known=False),
            proven(claims.SCAN, "web", LOCAL),
        ]
    )
    lines = text.splitlines()
    assert lines[0] == "## Evidence: 2 of 3 results known"
    assert "| unit | 1 of 2 | [2026-11-30 12:00](https://ci.example.com/1) | api |" in lines
    assert "| scan | 1 of 1 | 2026-11-30 12:00, linux/amd64 |  |" in lines


def test_without_claims_there_is_no_section() -> None:
    assert markdown([]) == ""


def test_only_an_https_address_is_a_link() -> None:
    run = Run("javascript:alert(1)", "linux/amd64", WHEN, 1.0)
    assert "](" not in markdown([proven(claims.UNIT, "web", run)])
