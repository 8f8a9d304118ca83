"""The gateway's settings, in addition to the common ones."""

from aip_common.settings import HttpUrl, RedisUrl
from aip_common.settings import Settings as CommonSettings
from pydantic import Field, SecretStr, field_validator

from gateway.database import parse


class DatabaseSettings(CommonSettings):
    """The connection to the database."""

    database_url: SecretStr = Field(min_length=1)
    database_password: SecretStr | None = None

    @field_validator("database_url")
    @classmethod
    def _is_of_our_driver(cls, url: SecretStr) -> SecretStr:
        parse(url)
        return url


class MigrationSettings(DatabaseSettings):
    """Settings of the migration job, which needs only the database."""

    internal_token_secret: SecretStr = SecretStr("not used by the migration job, never signs a token")


class Settings(DatabaseSettings):
    """Addresses and limits of the gateway."""

    redis_url: RedisUrl
    api_key_pepper: SecretStr = Field(min_length=32)
    admin_key: SecretStr = Field(min_length=32)

    assistant_url: HttpUrl = "http://assistant-service:8000"
    knowledge_url: HttpUrl = "http://knowledge-service:8000"
    agent_url: HttpUrl = "http://agent-service:8000"
    research_url: HttpUrl = "http://research-service:8000"

    json_seconds: float = Field(default=60, gt=0)
    stream_seconds: float = Field(default=300, gt=0)
    max_document_bytes: int = Field(default=4 * 1024 * 1024, ge=1024)
    rate_limit_per_minute: int = Field(default=120, ge=1)
    rate_limit_burst: int = Field(default=30, ge=1)
    key_cache_seconds: float = Field(default=60, ge=0)
    key_stale_seconds: float = Field(default=300, ge=0)
    usage_queue_rows: int = Field(default=10_000, ge=1)
