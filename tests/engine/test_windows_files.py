"""Projects as a checkout on Windows has them: lines that end in a carriage return, and names in another case.

BuildKit and Docker decide what works; these tests record that, and that the rest is one error with a code.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.engine.images import built, sha256
from tests.engine.stacks import PYTHON

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = [pytest.mark.engine, pytest.mark.docker_path]


def windows(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()


def test_a_build_of_such_files_is_that_of_others(dagger: Dagger, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name, lines in {
        "compose.yaml": ("services:", "  web:", "    build:", "      context: .", "      args: {A: one}"),
        "Dockerfile": (
            "FROM debian:trixie-slim",
            "ARG A",
            "COPY . /srv/",
            "RUN echo $A \\",
            "  >/srv/argument",
        ),
        ".dockerignore": ("# only what is served", "*", "!kept", "kept/not", ""),
    }.items():
        (source / name).write_bytes(windows(*lines))
    (source / "kept").mkdir()
    (source / "kept" / "file").write_bytes(windows("its content is not changed"))
    (source / "kept" / "not").touch()
    files = built(dagger, source, tmp_path / "report")["web"].files
    assert files == {
        "srv/argument": sha256("one\n"),
        "srv/kept/file": sha256("its content is not changed\r\n"),
    }


def test_a_script_with_such_lines_does_not_start_and_is_named(dagger: Dagger, tmp_path: Path) -> None:
    """The kernel looks for a program whose name ends in a carriage return, as on every Docker."""
    (tmp_path / "start.sh").write_bytes(windows("#!/bin/sh", "exec sleep inf"))
    (tmp_path / "start.sh").chmod(0o755)
    dockerfile = f'FROM {PYTHON}\nCOPY start.sh /start.sh\nENTRYPOINT ["/start.sh"]\n'
    (tmp_path / "Dockerfile").write_text(dockerfile)
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": {"web": {"build": "."}}}))
    called = dagger.call("--source", str(tmp_path), "stack", "check")
    assert called.code == 1
    assert "Code: stack.not-up" in called.error
    assert "service 'web'" in called.error
    assert "/start.sh: no such file or directory" in called.error


@pytest.mark.parametrize(
    ("service", "value"),
    [
        ({"build": "Web"}, "Web"),
        pytest.param(
            {"build": {"context": "web", "dockerfile": "web.dockerfile"}},
            "web.dockerfile",
            marks=pytest.mark.long,
        ),
        ({"build": {"context": "web", "dockerfile_inline": "FROM scratch\nCOPY APP.py /\n"}}, "APP.py"),
    ],
)
def test_a_name_in_another_case_is_not_found_and_named(
    dagger: Dagger, tmp_path: Path, service: dict[str, object], value: str
) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "Web.Dockerfile").write_text("FROM scratch\nCOPY app.py /\n")
    (tmp_path / "web" / "app.py").touch()
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": {"web": service}}))
    called = dagger.call("--source", str(tmp_path), "build")
    assert called.code == 1
    assert "Code: build." in called.error
    assert "service 'web'" in called.error
    assert value in called.error
