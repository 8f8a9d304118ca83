from __future__ import annotations

import pytest

from ci.posture.ports import expand
from ci.posture.secret_names import names_secret

SECRET = {
    "DB_PASSWORD": "not-a-real-one",
    "API_KEY": "x",
    "PGPASSWORD": "x",
    "dbPassword": "x",
    "deploy.token": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "SECRET_KEY_BASE": "x",
    "JWT_SECRET": "x",
    "REDIS_PASSWORD_PROD": "x",
    "HF_TOKEN": "hf_x",
    "PASSWORD": "12345678",
    "GITHUB-TOKEN": "x",
    "TOKENS": "a,b",
    "MYSQL_ROOT_PASSWD": "root",
    "apiKey": "x",
    "PASSWORD1": "x",
}
OTHER = {
    "MAX_TOKENS": "4096",
    "TIKTOKEN_CACHE_DIR": "/opt/tiktoken",
    "PASSWORD_MIN_LENGTH": "12",
    "ACCESS_TOKEN_TTL_SECONDS": "3600",
    "API_KEY_HEADER": "X-Api-Key",
    "SECRETS_PROVIDER_VERSION": "1.4.2",
    "TOKENIZERS_PARALLELISM": "false",
    "DB_PASSWORD_FILE": "/run/secrets/db",
    "DB_PASSWORD": "/run/secrets/db",
    "PASSWORD_PROMPT_STRING": "Password:",
    "SIGNING_KEY_NAME": "release",
    "AUTH_MODULE_VERSION": "2",
    "GPG_KEY": "7169605F62C751356D054A26A821E680E5FA6305",
    "KEY_PREFIX": "cache:",
    "REQUIRE_TOKEN": "true",
    "TOKEN_URL": "https://login.example/token",
    "MAX_TOKENS_PER_REQUEST": "unlimited",
    "SECRET": "",
    "MONKEY": "x",
    "PATH": "/usr/bin",
}


@pytest.mark.parametrize("name", SECRET)
def test_a_name_of_a_secret(name: str) -> None:
    assert names_secret(name, SECRET[name])


@pytest.mark.parametrize("name", OTHER)
def test_a_name_that_only_sounds_like_one(name: str) -> None:
    assert not names_secret(name, OTHER[name])


@pytest.mark.parametrize(
    ("texts", "ports"),
    [
        (["8000"], {"8000/tcp"}),
        (["8000-8002/udp"], {"8000/udp", "8001/udp", "8002/udp"}),
        (["38412/SCTP", "53/udp", "53"], {"38412/sctp", "53/udp", "53/tcp"}),
        (["$PORT"], {"$PORT"}),
    ],
)
def test_ports_are_single_ones_with_their_protocol(texts: list[str], ports: set[str]) -> None:
    assert expand(texts) == ports
