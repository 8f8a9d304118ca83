"""Which Python runs the tests of an image."""

from __future__ import annotations

import pytest

from ci.testing.unit import interpreters


@pytest.mark.parametrize(
    ("entrypoint", "command", "folders"),
    [
        (None, ["python", "main.py"], []),
        (None, [".venv/bin/python", "main.py"], ["/app/.venv/bin"]),
        (["/usr/bin/tini", "--"], ["/opt/venv/bin/uvicorn", "a:b"], ["/usr/bin", "/opt/venv/bin"]),
        (None, ["/bin/sh", "-c", ".venv/bin/gunicorn a:b"], ["/bin", "/app/.venv/bin"]),
        (None, ["uv", "run", "main.py"], ["/app/.venv/bin"]),
        (["/entrypoint.sh"], None, ["/app/.venv/bin"]),
        (None, ["/bin/sh", "-c", "poetry run api"], ["/bin", "/app/.venv/bin"]),
        (None, None, []),
    ],
)
def test_folders_of_the_command_s_python(
    entrypoint: list[str] | None, command: list[str] | None, folders: list[str]
) -> None:
    assert interpreters({"WorkingDir": "/app", "Entrypoint": entrypoint, "Cmd": command}) == folders


def test_without_a_working_directory_it_is_the_root() -> None:
    assert interpreters({"Cmd": ["uv", "run", "main.py"]}) == ["/.venv/bin"]
