"""Recognize names of variables and labels whose value is a secret, by whole words."""

from __future__ import annotations

import re

__all__ = ["names_secret"]

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRETS = frozenset(
    {"APIKEY", "CREDENTIAL", "CREDENTIALS", "PASSPHRASE", "PEPPER", "SECRET", "SECRETS", "TOKEN", "TOKENS"}
)
# Also as the end of a word, as in PGPASSWORD.
_PASSWORD = re.compile(r"[A-Z]*(?:PASSWORD|PASSWD|PASSPHRASE)")
# What makes a KEY a secret; without such a word it is mostly the key of a map.
_KEYS = frozenset(
    {"ACCESS", "ACCOUNT", "ADMIN", "API", "AUTH", "ENCRYPTION", "MASTER", "PRIVATE", "SECRET", "SIGNING"}
)
# After the secret's word these mean that the value describes the secret.
_ABOUT = frozenset(
    {
        *(
            "AGE",
            "ALG",
            "ALGORITHM",
            "ATTEMPTS",
            "AUDIENCE",
            "BACKEND",
            "BUDGET",
            "COST",
            "COUNT",
            "DAYS",
            "DIR",
        ),
        *(
            "DIRECTORY",
            "DISABLED",
            "ENABLED",
            "ENDPOINT",
            "ENGINE",
            "EXPIRATION",
            "EXPIRES",
            "EXPIRY",
            "FIELD",
        ),
        *("FILE", "FOLDER", "FORMAT", "HEADER", "HEADERS", "HOST", "HOURS", "ISSUER", "KIND", "LABEL", "LEN"),
        *(
            "LENGTH",
            "LIFETIME",
            "LIMIT",
            "LIMITS",
            "MANAGER",
            "MAX",
            "MESSAGE",
            "MIN",
            "MINUTES",
            "MODE",
            "NAME",
        ),
        *("NAMES", "PATH", "POLICY", "PORT", "PREFIX", "PRICE", "PROMPT", "PROVIDER", "RATE", "REGION"),
        *(
            "REQUIRED",
            "RETRIES",
            "ROTATION",
            "SECONDS",
            "SIZE",
            "STORE",
            "STRENGTH",
            "SUFFIX",
            "TIMEOUT",
            "TTL",
        ),
        *("TYPE", "URI", "URL", "USAGE", "VERSION", "WINDOW"),
    }
)
# And these before it.
_COUNTED = frozenset({"MAX", "MIN", "NUM", "NUMBER", "PUBLIC"})
_SEVERAL = frozenset({"CREDENTIALS", "SECRETS", "TOKENS"})
_SWITCHES = frozenset({"", "false", "no", "none", "null", "off", "on", "true", "yes"})


def names_secret(name: str, value: str) -> bool:
    """Return whether a variable with this name and value holds a secret: not a number, a switch or a path."""
    words = [word.upper() for word in _WORD.findall(name)]
    index = _place(words)
    if index < 0 or not _ABOUT.isdisjoint(words[index + 1 :]) or not _COUNTED.isdisjoint(words[:index]):
        return False
    if value.lower() in _SWITCHES or value.startswith("/run/secrets/"):
        return False
    return not value.isdigit() or (words[index] not in _SEVERAL and len(value) > 1)


def _place(words: list[str]) -> int:
    """Return the place of the last word that names a secret; -1 if there is none."""
    places = [
        index
        for index, word in enumerate(words)
        if word in _SECRETS
        or _PASSWORD.fullmatch(word)
        or (word == "KEY" and index and words[index - 1] in _KEYS)
    ]
    return places[-1] if places else -1
