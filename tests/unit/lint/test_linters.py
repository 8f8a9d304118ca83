from __future__ import annotations

import json
from typing import Any

from ci.lint import linters
from ci.lint.linters import Result
from ci.project import model
from tests.raised import raises


def compose(**services: dict[str, Any]) -> Result:
    return linters.compose(model.read(json.dumps({"model": {"name": "p", "services": services}})))


def test_an_unknown_linter_is_named_with_the_nearest() -> None:
    with raises("lint.unknown-linter", ".ci.toml: lint", "'ruf'") as caught:
        linters.choose(["ruf"], ".ci.toml: ")
    assert "did you mean 'ruff'?" in str(caught.value)


def test_without_a_lock_only_linters_that_need_none_run() -> None:
    linters.check_without_lock(["compose", "promtool", "actionlint"])
    with raises("lint.no-lock", "uv.lock", "ruff, hadolint"):
        linters.check_without_lock(["ruff", "compose", "hadolint"])


def test_what_is_different_here_is_noted_and_passes() -> None:
    result = compose(web={"image": "w", "pid": "host"})
    assert not result.failed
    assert result.row == ["compose", "passes, 1 noted"]
    assert "noted: services.web.pid" in linters.judge([result])


def test_what_is_refused_fails_with_every_reason() -> None:
    result = compose(
        web={"image": "w", "gpus": [{"count": 1}]},
        api={"build": {"context": "."}, "devices": [{"source": "/dev/kvm"}]},
    )
    assert result.failed
    assert "services.web.gpus" in result.output
    assert "services.api.devices" in result.output


def test_the_error_names_the_red_linters_with_their_output() -> None:
    with raises("lint.failed", match=r"lint: ruff, mypy\b") as caught:
        linters.judge(
            [Result("ruff", "F401 unused", failed=True), Result("mypy", "error", failed=True), Result("x")]
        )
    assert "--- ruff\nF401 unused" in str(caught.value)
    assert "dagger call format" in str(caught.value)
