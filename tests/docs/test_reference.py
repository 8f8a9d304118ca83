"""The reference is up to date, and every function and option has a description."""

from __future__ import annotations

import pytest

from ci.project import policy
from tools.reference import FOLDER, PAGES, functions, settings


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
