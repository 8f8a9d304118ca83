from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ci.compose.support import ROWS, Status, notes
from ci.errors import PipelineError
from tests.pure.compose.reading import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
TESTS = ROOT / "tests"
PLAIN = {re.sub(r"\[.*\]", "", key) for key in ROWS}
PARENTS = {
    ".".join(parts[:end]) for parts in (key.split(".") for key in ROWS) for end in range(1, len(parts))
}
# Part of every service's form in the schema, taken whole by the rows above them.
OUTER = {"top.services"}


def paths(node: dict[str, Any], definitions: dict[str, Any], path: str) -> Iterator[str]:
    """Yield each key of the schema down to where the table has no rows below it."""
    if path in OUTER:
        return
    if "$ref" in node:
        node = {**definitions[node["$ref"].rpartition("/")[2]], **node}
    if path and path not in PARENTS:
        yield path
        return
    for choice in (*node.get("oneOf", ()), *node.get("allOf", ())):
        yield from paths(choice, definitions, path)
    for key, value in node.get("properties", {}).items():
        yield from paths(value, definitions, f"{path}.{key}".removeprefix("."))
    for pattern, value in node.get("patternProperties", {}).items():
        if not pattern.startswith("^x-"):
            yield from paths(value, definitions, f"{path}.*")
    if "items" in node:
        yield from paths(node["items"], definitions, f"{path}.*")


def keys_of_the_specification() -> set[str]:
    read = schema()
    definitions = read["$defs"]
    found: set[str] = set()
    for name in ("service", "container_spec", "workload_spec"):
        found |= set(paths(definitions[name], definitions, ""))
    for key, value in read["properties"].items():
        found |= set(paths(value, definitions, f"top.{key}"))
    return found


def test_no_key_of_the_specification_is_unaccounted_for() -> None:
    assert keys_of_the_specification() - PLAIN == set()


def test_no_row_is_for_a_key_that_does_not_exist() -> None:
    # The places that stand for themselves: a list's or a map's items as wholes.
    wholes = {key for key in PLAIN if key.endswith(".*")}
    assert PLAIN - wholes - keys_of_the_specification() == set()


def test_every_row_says_how_or_why() -> None:
    assert [key for key, row in ROWS.items() if not row.text] == []


@cache
def functions(file: str) -> dict[str, str]:
    """Return the tests of a file, each with its source."""
    text = (TESTS / file).read_text()
    tree = ast.parse(text)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        node.name: ast.get_source_segment(text, node) or "" for node in tree.body if isinstance(node, kinds)
    }


@pytest.mark.parametrize("key", ROWS)
def test_every_row_has_a_test_and_the_test_s_files_have_the_key(key: str) -> None:
    file, _, name = ROWS[key].proof.partition("::")
    assert name in functions(file)
    last = re.sub(r"\[.*\]", "", key).removesuffix(".*").rpartition(".")[2]
    folders = ("compose",) if ROWS[key].status in (Status.NOTED, Status.REFUSED) else ("stack", "build")
    fixtures = [path for folder in folders for path in (TESTS / "fixtures" / folder).rglob("*.yaml")]
    places = [TESTS / file, *fixtures, ROOT / "compose.yaml"]
    assert any(re.search(rf"\b{last}\b", place.read_text()) for place in places)


def test_all_refusals_are_in_one_error() -> None:
    with pytest.raises(PipelineError) as caught:
        notes({"a": {"pid": "host"}, "b": {"devices": ["/dev/kvm"], "image": "x"}})
    text = str(caught.value)
    assert text.startswith("2 key(s)")
    assert "services.a.pid: " in text
    assert "services.b.devices: " in text


def test_a_key_below_one_that_is_known_is_not_dropped_in_silence() -> None:
    with pytest.raises(PipelineError, match=r"services\.a\.ports\.\*\.later: not known to this version"):
        notes({"a": {"ports": [{"target": 1, "published": "1", "later": True}]}})


def test_what_nobody_uses_is_not_looked_at() -> None:
    assert notes({"a": {"image": "x"}}, {"volumes": {"v": {"driver": "nfs"}}}) == []


def test_what_says_nothing_is_not_noted() -> None:
    assert notes({"a": {"labels": {}, "tty": False, "container_name": None}}) == []


def test_extensions_are_left_alone() -> None:
    assert notes({"a": {"x-anything": 1}}) == []


def test_a_row_has_one_of_four_statuses() -> None:
    assert {row.status for row in ROWS.values()} == set(Status)
