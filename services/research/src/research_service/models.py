"""The data of a job: its request, its state and its report."""

from typing import Literal

from aip_common.identity import Caller
from aip_common.llm import Usage
from pydantic import BaseModel, Field

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]
FINAL = frozenset({"succeeded", "failed", "cancelled"})


class Source(BaseModel, extra="forbid"):
    """A text supplied by the caller."""

    title: str = Field(min_length=1, max_length=300)
    text: str = Field(min_length=1, max_length=4_000)


class JobRequest(BaseModel, extra="forbid"):
    """A question; `depth` is the number of sub-questions; `sources` replace the knowledge service."""

    question: str = Field(min_length=1, max_length=4_000, pattern=r"\S")
    depth: int = Field(default=1, ge=1, le=3)
    max_sources: int = Field(default=8, ge=1, le=20)
    sources: list[Source] = Field(default=[], max_length=20)


class Passage(BaseModel):
    """A passage of evidence; notes and report cite it by `number`."""

    number: int
    document_id: str
    chunk: int
    text: str


class Evidence(BaseModel):
    """A sub-question and the numbers of the passages that may answer it."""

    question: str
    passages: list[int]


class Report(BaseModel):
    """The answer; every `[n]` in it is among the citations."""

    text: str
    citations: list[Passage]


class State(BaseModel, hide_input_in_errors=True):
    """The results of a job's stages. Saved after each stage; missing results are still to be computed."""

    request: JobRequest
    key_id: str
    tenant: str
    scopes: list[str]
    request_id: str
    plan: list[str] = []
    evidence: list[Evidence] | None = None
    passages: list[Passage] = []
    notes: list[str] = []
    report: Report | None = None
    usage: Usage = Usage()

    def progress(self) -> tuple[int, int]:
        """Return the number of finished stages and of all stages (0 before the plan exists)."""
        done = bool(self.plan) + (self.evidence is not None) + len(self.notes) + (self.report is not None)
        return done, 3 + len(self.plan) if self.plan else 0

    def caller(self) -> Caller:
        """Return the caller who submitted the job."""
        return Caller(self.key_id, self.tenant, frozenset(self.scopes))


class Failure(BaseModel):
    """Why a job failed."""

    code: str
    detail: str


class JobSummary(BaseModel):
    """A job in a list; `created_at` is in seconds since 1970."""

    job_id: str
    status: Status
    created_at: float


class Job(JobSummary):
    """A job, as shown to its owner."""

    stage: str = ""
    deliveries: int = 0
    report: Report | None = None
    error: Failure | None = None
    usage: Usage = Usage()
