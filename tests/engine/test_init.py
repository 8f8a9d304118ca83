"""The init's own unit tests, with the Go that builds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine.client import Dagger

pytestmark = pytest.mark.engine

GO = "docker.io/library/golang:1.26-trixie"


def test_the_init_s_unit_tests_pass(dagger: Dagger) -> None:
    source = ["with-directory", "--path=/init", "--source=ci/init", "with-workdir", "--path=/init"]
    test = ["with-exec", "--args=go,test,./...", "stdout"]
    called = dagger.run("core", "container", "from", f"--address={GO}", *source, *test)
    assert called.code == 0, called.stderr
    assert called.stdout.startswith("ok")
