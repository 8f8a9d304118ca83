"""The reference: it is what the code says, and the code says something of everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci import policy, references
from ci.container_scripts.registry.regctl import RegistryError
from ci.errors import PipelineError
from ci.release import manifest
from ci.release.retries import Verdict
from tools.reference import FOLDER, PAGES, errors, functions, settings

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_code_says(name: str) -> None:
    assert (FOLDER / name).read_text() == PAGES[name](), "run `make reference`"


def test_every_function_and_every_option_has_a_description() -> None:
    every = list(functions.functions())
    assert len(every) > 15
    missing = [" ".join(each.words) for each in every if not each.description]
    missing += [f"{each.words} {it.name}" for each in every for it in each.arguments if not it.description]
    assert missing == []


def test_every_setting_has_a_description_and_a_default_that_the_reader_takes() -> None:
    every = list(settings.settings())
    assert [each.key for each in every if not each.description] == []
    plain = [each for each in every if each.default != "a table"]
    written = "\n".join(f"{each.key} = {each.default}" for each in plain)
    assert policy.read(f"[tool.ci]\n{written}\n") == policy.Policy()


def test_a_place_of_the_code_has_one_id_and_a_text_is_there_once() -> None:
    every = [(each.id, each.text) for each in errors.entries()]
    assert len(every) > 100
    assert len(set(every)) == len(every)


MISTAKES: dict[str, Callable[[], object]] = {
    "policy.read": lambda: policy.read("[tool.ci]\nnonsense = 1\n"),
    "policy.Policy.check_services": lambda: policy.Policy(without_tests=("x",)).check_services([]),
    "references.ImagesMap.from_json": lambda: references.ImagesMap.from_json("[", where="here"),
    "release.manifest.refuse": lambda: manifest.read("{}", where="here"),
}


@pytest.mark.parametrize("identity", MISTAKES)
def test_an_error_ends_with_the_id_that_the_page_has(identity: str) -> None:
    with pytest.raises(PipelineError) as caught:
        MISTAKES[identity]()
    assert str(caught.value).splitlines()[-1] == f"Id: {identity}"
    assert identity in {each.id for each in errors.entries()}


def test_an_error_of_a_subclass_has_its_class_for_an_id() -> None:
    error = RegistryError("push", Verdict("refuses", "mend it"), "why")
    assert error.id == "container_scripts.registry.regctl.RegistryError"
    assert error.id in {each.id for each in errors.entries()}


def test_an_error_that_is_passed_on_keeps_its_id() -> None:
    assert PipelineError("it broke", next_step="mend it", id="from.elsewhere").id == "from.elsewhere"


def test_every_error_of_the_pipeline_says_what_to_do_next() -> None:
    silent = [each for each in errors.entries() if each.module.startswith("ci/") and not each.next_step]
    assert silent == []


def test_an_error_is_read_with_its_names_and_helpers() -> None:
    source = """
FILE = "a.toml"

def _wrong(what: str, field: str = "") -> PipelineError:
    place = FILE + (f", {field}" if field else "")
    return PipelineError(f"{place}: {what}", next_step="mend it")

def read(text: str) -> None:
    what = f"'{text.strip()}' is no number"
    if not text:
        raise _wrong("empty", "")
    if len(text) > 9:
        raise _wrong(f"{len(text)} characters", "size")
    raise PipelineError(what, next_step="write 1" if text else "write 2")

def judge(items: list[str]) -> None:
    raise PipelineError("; ".join(_about(each) for each in items), next_step=_next(items))

def _about(item: str) -> str:
    if not item:
        return _about("x")
    who = f"item '{item[0]}'" if item else item
    return f"{who} is wrong"

def _next(items: list[str]) -> str:
    return "mend " + ("both" if items[1:] else "it")
"""
    found = errors.read(source, "m.py")
    assert [(each.text, each.next_step) for each in found] == [
        ("a.toml: empty", "mend it"),
        ("a.toml, size: {number} characters", "mend it"),
        ("'{…}' is no number", "{write 1 or write 2}"),
        ("{item '{…}' or {item}} is wrong", "mend {both or it}"),
    ]
