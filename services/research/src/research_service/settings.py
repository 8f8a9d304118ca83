"""The service's settings, in addition to the common ones."""

from aip_common.llm import LLMSettings
from aip_common.settings import HttpUrl, RedisUrl
from pydantic import Field


class Settings(LLMSettings):
    """See `aip_common.llm.LLMSettings`. With zero workers the process only accepts jobs."""

    redis_url: RedisUrl
    knowledge_url: HttpUrl | None = None
    research_workers: int = Field(default=2, ge=0, le=16)
    research_queue_limit: int = Field(default=100, ge=1)
    research_reclaim_seconds: float = Field(default=60, gt=0)
    research_heartbeat_seconds: float = Field(default=5, gt=0)
    research_block_seconds: float = Field(default=2, gt=0)
    research_stage_seconds: float = Field(default=900, gt=0)
    research_stop_seconds: float = Field(default=15, ge=0, le=20)
    research_result_seconds: int = Field(default=7 * 24 * 3600, ge=1)


class WorkerSettings(Settings):
    """Settings of a worker-only process, which needs at least one worker."""

    research_workers: int = Field(default=2, ge=1, le=16)
