from __future__ import annotations

import shutil
from typing import TYPE_CHECKING
from unittest import mock

from ci.container_scripts.registry.cosign import Cosign
from ci.registry.client import Client
from tests.raised import raises

if TYPE_CHECKING:
    from pathlib import Path


def test_a_cosign_that_fails_is_named_with_its_exit_code(tmp_path: Path) -> None:
    client = mock.create_autospec(Client, instance=True)
    with raises("signing.cosign-failed", "cosign trusted-root ended with exit code 1"):
        Cosign(shutil.which("false") or "", tmp_path, client)
