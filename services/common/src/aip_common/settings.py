"""Settings from the environment and from secret files, checked before anything starts."""

from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SECRETS_DIR = Path("/run/secrets")
_PLACEHOLDERS = {"admin", "example", "password", "placeholder", "postgres", "secret"}
_PLACEHOLDER_MARKS = (
    "change-me",
    "change_me",
    "changeme",
    "replace-me",
    "replace_me",
    "your-",
    "your_",
    "xxxx",
    "<",
)


def _http_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("it must begin with http:// or https://")
    return url


def _redis_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("it must begin with redis://, rediss:// or unix://")
    return url


HttpUrl = Annotated[str, AfterValidator(_http_url)]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis_url)]


class Settings(BaseSettings):
    """Settings of every service. Variable names are the field names in upper case."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    environment: Literal["development", "staging", "production"] = "production"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    host: str = "0.0.0.0"  # noqa: S104 - a container is reached from outside of it
    port: int = Field(default=8000, ge=0, le=65535)
    revision: str = "unknown"
    max_body_bytes: int = Field(default=1024 * 1024, ge=1024)
    drain_seconds: float = Field(default=1.0, ge=0, le=30)
    graceful_seconds: int = Field(default=20, ge=1, le=120)
    internal_token_secret: SecretStr = Field(min_length=32)

    @model_validator(mode="after")
    def _no_placeholders(self) -> Self:
        """Reject secrets from example files outside of development."""
        if self.environment == "development":
            return self
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr) and is_placeholder(value.get_secret_value()):
                raise ValueError(
                    f"{name.upper()} is a placeholder, not a secret; "
                    f"ENVIRONMENT={self.environment} wants a real one (or set ENVIRONMENT=development)"
                )
        return self


def is_placeholder(value: str) -> bool:
    """Return whether a secret is a placeholder from an example file."""
    lowered = value.lower()
    return lowered in _PLACEHOLDERS or any(mark in lowered for mark in _PLACEHOLDER_MARKS)


S = TypeVar("S", bound=Settings)


def load(cls: type[S], service: str) -> S:
    """Read the settings, or exit with one text that names each invalid variable."""
    secrets = SECRETS_DIR if SECRETS_DIR.is_dir() else None
    try:
        return cls(_secrets_dir=secrets)  # type: ignore[call-arg]  # BaseSettings takes it, its metaclass hides it
    except ValidationError as error:
        raise SystemExit(f"{service} cannot start, its settings are wrong:\n{_explain(error)}") from None


def _explain(error: ValidationError) -> str:
    lines = []
    for item in error.errors(include_input=False, include_url=False):
        name = ".".join(str(part) for part in item["loc"]).upper()
        if item["type"] == "missing":
            how = f"set it in the environment or in the file {SECRETS_DIR / name.lower()}"
            lines.append(f"  {name}: not set; {how}")
        elif name:
            lines.append(f"  {name}: {item['msg'].removeprefix('Value error, ')}")
        else:
            lines.append(f"  {item['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)
