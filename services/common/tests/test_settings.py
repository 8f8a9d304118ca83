"""Settings: from the environment, from files, refused."""

from pathlib import Path

import pytest
from aip_common import settings as module
from aip_common.llm import LLMSettings
from aip_common.settings import Settings, is_placeholder, load

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - a test's


@pytest.fixture(autouse=True)
def _secrets_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECRETS_DIR", tmp_path)


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERNAL_TOKEN_SECRET", SECRET)
    monkeypatch.setenv("LOG_LEVEL", "")
    settings = load(Settings, "test")
    assert settings.log_level == "INFO", "an empty variable is as good as none"
    assert SECRET not in repr(settings)


def test_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "internal_token_secret").write_text(SECRET + "\n")
    assert load(Settings, "test").internal_token_secret.get_secret_value() == SECRET


def test_every_mistake_is_named_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INTERNAL_TOKEN_SECRET", SECRET[:-1])
    monkeypatch.setenv("AZURE_OPENAI_API", "azure")
    monkeypatch.setenv("LLM_PRICES", '{"gpt-4o-mini": {"inptu": 1}}')
    with pytest.raises(SystemExit) as raised:
        load(LLMSettings, "test")
    elsewhere = f"not set; set it in the environment or in the file {tmp_path}"
    assert str(raised.value).splitlines() == [
        "test cannot start, its settings are wrong:",
        "  INTERNAL_TOKEN_SECRET: Value should have at least 32 items after validation, not 31",
        f"  AZURE_OPENAI_ENDPOINT: {elsewhere}/azure_openai_endpoint",
        f"  AZURE_OPENAI_API_KEY: {elsewhere}/azure_openai_api_key",
        "  AZURE_OPENAI_API: Input should be 'deployments' or 'v1'",
        "  LLM_PRICES.GPT-4O-MINI.INPTU: Extra inputs are not permitted",
    ]
    assert SECRET[:-1] not in str(raised.value)


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_placeholders_outside_development(monkeypatch: pytest.MonkeyPatch, environment: str) -> None:
    monkeypatch.setenv("INTERNAL_TOKEN_SECRET", "change-me-" * 4)
    monkeypatch.setenv("ENVIRONMENT", "development")
    assert load(Settings, "test").environment == "development"
    monkeypatch.setenv("ENVIRONMENT", environment)
    with pytest.raises(SystemExit, match="INTERNAL_TOKEN_SECRET is a placeholder"):
        load(Settings, "test")


@pytest.mark.parametrize("value", ["password", "Admin", "sk-xxxxxxxx", "your-key", "<key>", "changeme123"])
def test_placeholders(value: str) -> None:
    assert is_placeholder(value)
    assert not is_placeholder(SECRET)
