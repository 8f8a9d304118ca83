"""The service's settings, in addition to the common ones."""

from typing import Self

from aip_common.llm import LLMSettings
from pydantic import AnyHttpUrl, Field, SecretStr, model_validator


class Settings(LLMSettings):
    """See `aip_common.llm.LLMSettings`."""

    qdrant_url: AnyHttpUrl
    qdrant_api_key: SecretStr | None = None
    qdrant_collection: str = Field(default="aip_chunks_v1", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    qdrant_retry_seconds: float = Field(default=3, gt=0, le=60)
    embedding_dimensions: int = Field(default=1536, ge=1, le=65_536)
    chunk_chars: int = Field(default=1000, ge=100, le=8000)
    chunk_overlap_chars: int = Field(default=150, ge=0)

    @model_validator(mode="after")
    def _chunks_advance(self) -> Self:
        """Reject an overlap with which a chunk of half the size would start before the previous one."""
        if self.chunk_overlap_chars >= self.chunk_chars // 2:
            raise ValueError(
                f"CHUNK_OVERLAP_CHARS is {self.chunk_overlap_chars}: "
                f"it must be below half of CHUNK_CHARS, which is {self.chunk_chars}"
            )
        return self
