"""The service's settings, in addition to the common ones."""

from aip_common.llm import LLMSettings
from pydantic import Field


class Settings(LLMSettings):
    """See `aip_common.llm.LLMSettings`."""

    history_chars: int = Field(default=24_000, ge=1_000)
