"""What a call of every gate asks for with its first question."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ci.evidence import claims
from ci.evidence.claims import Claim
from ci.evidence.evidence import Evidence, Passed
from tests.unit.evidence.memory import CLAIM, IMAGE, OUTPUT, PLACE, Memory

pytestmark = pytest.mark.anyio


async def test_a_call_of_every_gate_asks_once() -> None:
    memory = Memory()
    build = Claim(claims.BUILD, "web", {}, {"context": IMAGE})
    other = replace(CLAIM, given={"tests": IMAGE})
    async with Evidence(PLACE, memory) as evidence:
        evidence.keep(build, Passed(OUTPUT, subjects={"web": IMAGE}))
        evidence.keep(CLAIM, Passed(OUTPUT))
    evidence = Evidence(PLACE, memory)
    evidence.ask_ahead()
    assert await evidence.find(build)
    assert await evidence.find(CLAIM)
    assert memory.asked == [[build.key]]
    assert await evidence.find(other) is None
    assert memory.asked == [[build.key], [other.key]]


async def test_what_was_asked_for_ahead_has_to_prove_itself() -> None:
    memory = Memory()
    build = Claim(claims.BUILD, "web", {}, {"context": IMAGE})
    async with Evidence(PLACE, memory) as evidence:
        evidence.keep(build, Passed(OUTPUT))
        evidence.keep(CLAIM, Passed(OUTPUT))
    memory.entries[CLAIM.key] = replace(memory.entries[CLAIM.key], statement="{}")
    evidence = Evidence(PLACE, memory)
    evidence.ask_ahead()
    assert await evidence.find(build)
    assert await evidence.find(CLAIM) is None
    assert "not used: unit web" in evidence.note()


async def test_what_was_proven_of_an_image_is_beside_its_own_build() -> None:
    memory = Memory()
    stack = Claim(claims.INTEGRATION, "stack", {"web": IMAGE, "api": IMAGE}, {})
    source = Claim(claims.SCAN, "source", {}, {})
    builds = {name: Claim(claims.BUILD, name, {}, {}) for name in ("web", "api")}
    async with Evidence(PLACE, memory) as evidence:
        for claim in (*builds.values(), CLAIM, stack, source):
            evidence.keep(claim, Passed(OUTPUT, subjects={"web": IMAGE} if claim == builds["web"] else {}))
    common = {"integration stack": stack.key, "scan source": source.key}
    assert memory.beside == {
        builds["web"].key: {"unit web": CLAIM.key, **common},
        builds["api"].key: common,
    }
