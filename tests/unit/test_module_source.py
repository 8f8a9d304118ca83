"""What the module takes of its own files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci import module_source

PACKAGE = Path(module_source.__file__).parent


def test_the_folders_are_there_with_what_runs_elsewhere() -> None:
    assert list(module_source.FOLDERS) == ["ci"]
    assert (module_source.FOLDERS["ci"] / "container_scripts" / "layout.py").is_file()


def test_nothing_asks_the_engine_for_the_source_of_the_module() -> None:
    """After a restart, with what it generated let go, the engine answers that with an error."""

    def calls(method: str) -> list[str]:
        return [path.name for path in PACKAGE.rglob("*.py") if f".{method}" in path.read_text()]

    assert calls("current_module().source") == []
    assert calls("current_module().workdir")


def test_a_library_is_found_with_what_it_needs() -> None:
    found = module_source.pure("httpx")
    assert {"httpx", "httpcore", "h11", "anyio", "certifi", "idna"} <= found.keys()
    assert all(place.exists() for place in found.values())


def test_a_library_that_is_not_python_alone_is_refused() -> None:
    with pytest.raises(RuntimeError, match="not pure Python"):
        module_source.pure("pyyaml")
