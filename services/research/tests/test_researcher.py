from collections.abc import AsyncIterator

import pytest
from aip_common.llm import LLM
from aip_testing.stub import Stub
from pydantic import SecretStr
from research_service.models import JobRequest, Passage, Source, State
from research_service.researcher import NO_EVIDENCE, Researcher, cited
from research_service.settings import Settings

PASSAGES = [Passage(number=number, document_id=f"d{number}", chunk=0, text="…") for number in (1, 2, 3)]


def state(question: str, **options: object) -> State:
    request = JobRequest.model_validate({"question": question, **options})
    return State(request=request, key_id="key-1", tenant="acme", scopes=[], request_id="request-0001")


@pytest.fixture
async def researcher(openai_stub: Stub) -> AsyncIterator[Researcher]:
    settings = Settings(
        azure_openai_endpoint=openai_stub.url,
        azure_openai_api_key=SecretStr("test-key"),
        internal_token_secret=SecretStr("an-internal-secret-of-the-tests-0123456789"),
        redis_url=SecretStr("redis://127.0.0.1:9"),
    )
    llm = LLM("research-service", settings)
    yield Researcher(llm, None)
    await llm.aclose()


def test_a_report_cites_only_what_exists() -> None:
    report = cited("Blue [3], and green [7] too [1][99].", PASSAGES)
    assert report.text == "Blue [3], and green too [1]."
    assert [passage.number for passage in report.citations] == [1, 3]


@pytest.mark.anyio
async def test_a_plan_that_is_no_json_is_the_question_itself(researcher: Researcher) -> None:
    job = state("[[reply:I'd rather not]]")
    assert await researcher.advance(job) == "plan"
    assert job.plan == ["[[reply:I'd rather not]]"]


@pytest.mark.anyio
@pytest.mark.parametrize(("depth", "parts"), [(1, 2), (2, 4), (3, 5)])
async def test_a_plan_has_no_more_parts_than_the_depth_allows(
    researcher: Researcher, depth: int, parts: int
) -> None:
    job = state('[[reply:{"questions": ["a", " ", "b", "c", "d", "e"]}]]', depth=depth)
    await researcher.advance(job)
    assert len(job.plan) == parts


@pytest.mark.anyio
async def test_no_more_sources_than_asked_for_and_no_call_without_evidence(
    researcher: Researcher, openai_stub: Stub
) -> None:
    sources = [Source(title=f"t{number}", text="text") for number in range(3)]
    job = state("why", sources=sources, max_sources=2)
    assert [await researcher.advance(job) for _ in range(2)] == ["plan", "evidence"]
    assert [passage.document_id for passage in job.passages] == ["t0", "t1"]
    assert job.evidence is not None
    job.evidence[0].passages = []
    assert await researcher.advance(job) == "note"
    assert job.notes == [NO_EVIDENCE]
    assert len(openai_stub.requests()) == 1
