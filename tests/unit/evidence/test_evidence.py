"""Evidence of a call, over a repository in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import anyio
import pytest

from ci.evidence import claims
from ci.evidence.claims import Claim
from ci.evidence.evidence import Evidence, Known, Passed
from tests.unit.evidence.memory import CLAIM, IMAGE, OUTPUT, PLACE, Memory

pytestmark = pytest.mark.anyio


@dataclass
class Gate:
    """A gate that passes, or not, and counts how often it ran."""

    passes: bool = True
    runs: int = 0

    async def make(self) -> tuple[str, Passed | None]:
        self.runs += 1
        return "made", Passed(OUTPUT, 2.0) if self.passes else None

    async def ask(self, evidence: Evidence, claim: Claim | None = CLAIM) -> str:
        async def describe() -> Claim | None:
            return claim

        async def read(known: Known) -> str:
            assert known.output == OUTPUT
            return "known"

        return await evidence.reuse(describe, read, self.make)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def proven(memory: Memory, claim: Claim = CLAIM, at: float = 0.0) -> None:
    """Prove a claim in a call of its own."""
    async with Evidence(PLACE, memory, run_url="https://ci.example.com/1", machine="linux/amd64") as evidence:
        evidence.keep(claim, Passed(OUTPUT, at=at))


async def test_what_one_call_proved_the_next_does_not_run() -> None:
    memory, gate = Memory(), Gate()
    for expected in ("made", "known", "known"):
        async with Evidence(PLACE, memory) as evidence:
            assert await gate.ask(evidence) == expected
    assert gate.runs == 1


async def test_what_failed_is_run_again() -> None:
    memory, gate = Memory(), Gate(passes=False)
    for _ in range(2):
        async with Evidence(PLACE, memory) as evidence:
            assert await gate.ask(evidence) == "made"
    assert (gate.runs, memory.entries) == (2, {})


async def test_another_input_is_run() -> None:
    memory, gate = Memory(), Gate()
    await proven(memory)
    for other in (
        replace(CLAIM, given={"tests": IMAGE}),
        replace(CLAIM, subjects={"web": "sha256:" + "3" * 64}),
    ):
        assert await gate.ask(Evidence(PLACE, memory), other) == "made"


async def test_what_depends_on_a_secret_is_neither_asked_for_nor_kept() -> None:
    memory, gate = Memory(), Gate()
    async with Evidence(PLACE, memory) as evidence:
        assert await gate.ask(evidence, None) == "made"
    assert (memory.asked, memory.entries) == ([], {})


async def test_without_a_place_nothing_is_described() -> None:
    async def describe() -> Claim | None:
        raise AssertionError

    async def read(_: Known) -> str:
        raise AssertionError

    evidence = Evidence()
    assert await evidence.reuse(describe, read, Gate().make) == "made"
    assert evidence.note() == ""


async def test_a_fresh_call_asks_nothing_and_writes() -> None:
    memory, gate = Memory(), Gate()
    await proven(memory)
    async with Evidence(replace(PLACE, read=False), memory) as evidence:
        assert await gate.ask(evidence) == "made"
    assert memory.asked == []


async def test_who_may_not_write_writes_nothing() -> None:
    memory = Memory()
    async with Evidence(replace(PLACE, write=False), memory) as evidence:
        await Gate().ask(evidence)
    assert memory.entries == {}


async def test_what_passed_is_written_beside_a_failure() -> None:
    memory = Memory()

    async def fails() -> None:
        async with Evidence(PLACE, memory) as evidence:
            await Gate().ask(evidence)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails()
    assert list(memory.entries) == [CLAIM.key]


async def test_what_passed_is_written_though_the_call_is_cancelled() -> None:
    memory = Memory()
    with anyio.CancelScope() as scope:
        async with Evidence(PLACE, memory) as evidence:
            await Gate().ask(evidence)
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    assert list(memory.entries) == [CLAIM.key]


async def test_many_are_asked_for_together() -> None:
    memory = Memory()
    asked = [replace(CLAIM, name=str(number)) for number in range(20)]
    for claim in asked:
        await proven(memory, claim)
    evidence = Evidence(PLACE, memory)
    async with anyio.create_task_group() as tasks:
        for claim in asked:
            tasks.start_soon(partial(Gate().ask, evidence, claim))
    assert len(memory.asked) <= 2
    assert sorted(key for keys in memory.asked for key in keys) == sorted(claim.key for claim in asked)
    assert all(each.known for each in evidence.proven.values())


async def test_a_statement_that_proves_nothing_is_reported_and_the_gate_runs() -> None:
    memory, gate = Memory(), Gate()
    await proven(memory)
    memory.entries[CLAIM.key] = replace(memory.entries[CLAIM.key], statement="{}")
    evidence = Evidence(PLACE, memory)
    assert await gate.ask(evidence) == "made"
    assert "not used: unit web: " in evidence.note()


async def test_what_is_too_old_is_not_used() -> None:
    memory, gate = Memory(), Gate()
    await proven(memory, at=(datetime.now(UTC) - timedelta(days=31)).timestamp())
    evidence = Evidence(PLACE, memory)
    assert await gate.ask(evidence) == "made"
    assert "older than 30 days" in evidence.note()


async def test_a_repository_that_does_not_answer_is_asked_once_and_named() -> None:
    memory, gate = Memory(problems=["it cannot be reached: no route"]), Gate()
    async with Evidence(PLACE, memory) as evidence:
        for name in ("web", "api"):
            assert await gate.ask(evidence, replace(CLAIM, name=name)) == "made"
    assert len(memory.asked) == 1
    assert evidence.note().count("it cannot be reached: no route") == 1


async def test_the_note_counts_and_names_the_runs() -> None:
    memory, gate = Memory(), Gate()
    await proven(memory)
    evidence = Evidence(PLACE, memory)
    await gate.ask(evidence)
    await gate.ask(evidence, replace(CLAIM, name="api"))
    await evidence.write()
    first, run = evidence.note().splitlines()
    assert first == "evidence r.example.com/evidence: 1 of 2 results known; 1 written"
    assert run.startswith("  from https://ci.example.com/1, ")
    assert run.endswith(": unit web")
    by_name = {each["name"]: each for each in json.loads(evidence.json())["claims"]}
    assert by_name["web"]["reused"]["run"] == "https://ci.example.com/1"
    assert by_name["api"]["reused"] is None


async def test_how_long_it_took_is_recorded() -> None:
    memory = Memory()
    async with Evidence(PLACE, memory) as evidence:
        await Gate().ask(evidence)
    assert await Evidence(PLACE, memory).durations() == {"unit web": 2.0}
    assert await Evidence().durations() == {}


async def test_statements_for_a_release_are_those_about_the_image() -> None:
    memory = Memory()
    stack = Claim(claims.INTEGRATION, "stack", {"web": IMAGE, "api": IMAGE}, {})
    await proven(memory, stack)
    evidence = Evidence(PLACE, memory)
    await evidence.find(stack)
    await Gate().ask(evidence)
    await Gate().ask(evidence, replace(CLAIM, name="api", subjects={"api": IMAGE}))
    found = evidence.released("web")
    assert [each["predicate"]["gate"] for each in found] == ["integration", "unit"]
    assert all(
        {"name": "tested image", "digest": {"sha256": "1" * 64}} in each["predicate"]["configuration"]
        for each in found
    )
    assert not any("subject" in each for each in found)


async def test_what_was_known_can_be_refused() -> None:
    memory = Memory()
    await proven(memory)
    evidence = Evidence(PLACE, memory)
    assert await evidence.find(CLAIM)
    evidence.refuse(CLAIM, "its base has moved")
    assert evidence.note().endswith("0 of 0 results known; not used: unit web: its base has moved")
