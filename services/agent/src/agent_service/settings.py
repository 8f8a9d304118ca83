"""The service's settings, in addition to the common ones."""

from aip_common.llm import LLMSettings
from aip_common.settings import HttpUrl, RedisUrl
from pydantic import Field


class Settings(LLMSettings):
    """See `aip_common.llm.LLMSettings`; the limits of a run can be lowered, not raised."""

    redis_url: RedisUrl
    knowledge_url: HttpUrl | None = None
    agent_require_sessions: bool = False
    agent_run_seconds: float = Field(default=60, gt=0, le=60)
    agent_run_tokens: int = Field(default=50_000, ge=1)
    agent_tool_seconds: float = Field(default=10, gt=0, le=10)
    agent_session_seconds: int = Field(default=3600, ge=1)
    agent_session_messages: int = Field(default=40, ge=2)
    agent_session_bytes: int = Field(default=65_536, ge=1024)
