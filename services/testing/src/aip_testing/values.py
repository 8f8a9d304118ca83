"""Common values of tests, and a way to wait for events."""

import time
from collections.abc import Callable

from pydantic import SecretStr

SECRET = SecretStr("0123456789abcdef0123456789abcdef")
ADMIN_KEY = "admin-admin-admin-admin-admin-admin"


def eventually(check: Callable[[], bool], seconds: float = 10) -> bool:
    """Poll until the check succeeds; return whether it did in time."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
