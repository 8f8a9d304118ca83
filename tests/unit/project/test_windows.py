"""Projects as they are written on Windows: Compose on Linux reads them, or one error says what to change.

Compose itself runs here. What builds and stacks make of such files is in tests/engine/test_windows_files.py.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.raised import raises
from tests.unit.project.reading import project

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, service: dict[str, Any], **top: Any) -> None:  # noqa: ANN401 - JSON
    (folder / "compose.yaml").write_text(json.dumps({"services": {"web": service}, **top}))


def test_lines_may_end_as_on_windows(tmp_path: Path) -> None:
    lines = [
        "services:",
        "  web:",
        "    build: web",
        "    environment:",
        "      A: ${A}",
        "    env_file: b.env",
    ]
    (tmp_path / "compose.yaml").write_bytes("\r\n".join([*lines, ""]).encode())
    (tmp_path / ".env").write_bytes(b'A="one"\r\n')
    (tmp_path / "b.env").write_bytes(b"B=two\r\nC='three'\r\n")
    found = project(tmp_path)
    assert found.services["web"].definition.variables == {"A": "one", "B": "two", "C": "three"}
    assert found.services["web"].build
    assert found.services["web"].build.context == "web"


def test_an_env_file_that_is_passed_may_have_such_lines(tmp_path: Path) -> None:
    write(tmp_path, {"image": "x:${TAG}", "environment": {"A": "${A}"}})
    found = project(tmp_path, values="TAG=1.2\r\nA=one\r\n")
    assert "\r" not in json.dumps(found.model) + "".join(found.placeholders.values())


BACKSLASHES = [
    ({"build": r".\services\web"}, {}, r"services.web.build.context: .\services\web"),
    ({"build": r"services\web"}, {}, r"services.web.build.context: services\web"),
    (
        {"build": {"context": ".", "dockerfile": r"docker\web"}},
        {},
        r"services.web.build.dockerfile: docker\web",
    ),
    (
        {"build": {"context": ".", "additional_contexts": {"more": r".\more"}}},
        {},
        r"services.web.build.additional_contexts: .\more",
    ),
    ({"image": "x", "volumes": [r".\lib:/lib"]}, {}, r"services.web.volumes: .\lib"),
    ({"image": "x", "volumes": [r"lib\x:/lib"]}, {}, r"services.web.volumes: lib\x"),
    ({"image": "x", "volumes": [r"C:\lib:/lib"]}, {}, r"services.web.volumes: C:\lib"),
    ({"image": "x", "env_file": r".\web.env"}, {}, r"services.web.env_file: .\web.env"),
    ({"image": "x"}, {"secrets": {"key": {"file": r".\key.txt"}}}, r"secrets.key.file: .\key.txt"),
    ({"image": "x"}, {"configs": {"key": {"file": r".\key.txt"}}}, r"configs.key.file: .\key.txt"),
    (
        {"image": "x", "volumes": ["data:/data"]},
        {"volumes": {"data": {"driver_opts": {"type": "none", "o": "bind", "device": r".\data"}}}},
        r"volumes.data.driver_opts.device: .\data",
    ),
]


@pytest.mark.parametrize(("service", "top", "expected"), BACKSLASHES, ids=[each[2] for each in BACKSLASHES])
def test_a_path_with_backslashes_is_named(
    tmp_path: Path, service: dict[str, Any], top: dict[str, Any], expected: str
) -> None:
    used: dict[str, Any] = {kind: ["key"] for kind in ("secrets", "configs") if kind in top}
    write(tmp_path, {**service, **used}, **top)
    with raises("compose.windows-path", expected):
        project(tmp_path)


def test_a_file_whose_name_has_a_backslash_is_one_as_for_compose(tmp_path: Path) -> None:
    (tmp_path / r"a\b.env").write_text("A=one\n")
    write(tmp_path, {"image": "x", "env_file": r"a\b.env"})
    assert project(tmp_path).services["web"].definition.variables == {"A": "one"}


def test_a_name_in_another_case_is_another_file(tmp_path: Path) -> None:
    """Windows and macOS find it, Linux does not, and neither does Compose there."""
    (tmp_path / "web.env").write_text("A=one\n")
    write(tmp_path, {"image": "x", "env_file": "Web.env"})
    with raises("compose.invalid", "Web.env not found"):
        project(tmp_path)
