"""The shape of the module: no circles, no arrow up into pipeline/, short modules and functions."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "ci" / "src"
BESIDE = ("airgap", "bench", "services", "tests", "tools")
OTHERS = sorted(
    file
    for folder in BESIDE
    for file in (ROOT / folder).rglob("*.py")
    if "fixtures" not in file.relative_to(ROOT).parts
)
LONGEST_MODULE, LONGEST_FUNCTION = 300, 40
# What Dagger sees; only these may know the pipeline.
ABOVE = {"main", "functions", "pipeline"}
# Settings name licenses, and the scan judges by settings.
KNOWN = {("project", "scan")}


def _name(file: Path) -> str:
    return ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


MODULES = {_name(file): file for file in (SOURCE / "ci").rglob("*.py")}


def imports(file: Path) -> set[str]:
    """Return the modules of the package that a file imports, those for type checking too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ci":
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in MODULES else str(node.module))
    return found


GRAPH = {name: imports(file) - {name} for name, file in MODULES.items()}


def package(name: str) -> str:
    """Return the folder of a module, or the module's own name if it is in none.

    The programs that run in containers are folders by themselves.
    """
    parts = [*name.split("."), "ci"]
    return ".".join(parts[1:3]) if parts[1] == "container_scripts" else parts[1]


def packages() -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for name, others in GRAPH.items():
        there = graph.setdefault(package(name), set())
        there |= {package(other) for other in others} - {package(name)}
    return graph


def test_modules_import_each_other_in_no_circle() -> None:
    assert len(GRAPH) > 100
    TopologicalSorter(GRAPH).prepare()


def test_a_circle_would_be_found() -> None:
    with pytest.raises(CycleError):
        TopologicalSorter({**GRAPH, "ci.errors": {"ci.main"}}).prepare()


def test_folders_import_each_other_in_no_circle() -> None:
    graph = packages()
    for one, other in KNOWN:
        graph[one].remove(other)
    TopologicalSorter(graph).prepare()


def test_nothing_below_the_pipeline_imports_it() -> None:
    graph = packages()
    assert {name for name, others in graph.items() if others & ABOVE} <= ABOVE
    assert "pipeline" in graph["main"]


@pytest.mark.parametrize("name", MODULES)
def test_modules_and_functions_are_short(name: str) -> None:
    text = MODULES[name].read_text()
    assert len(text.splitlines()) <= LONGEST_MODULE
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, functions)]
    long = {each.name: _lines(each) for each in found if _lines(each) > LONGEST_FUNCTION}
    assert long == {}


@pytest.mark.parametrize("file", OTHERS, ids=lambda file: str(file.relative_to(ROOT)))
def test_other_files_are_short_too(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= LONGEST_MODULE


def test_there_are_other_files() -> None:
    assert len(OTHERS) > 100


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines without its docstring."""
    documented = ast.get_docstring(function) is not None
    first = function.body[1] if documented and len(function.body) > 1 else function.body[0]
    return (function.end_lineno or 0) - first.lineno + 1
