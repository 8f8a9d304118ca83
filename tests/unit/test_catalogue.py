"""Errors and their codes: how one reads, how the catalogue is read from the code, and its explanations."""

from __future__ import annotations

import logging

import pytest

from ci.catalogue import codes, sources
from ci.errors import PipelineError, hide_tracebacks
from ci.project import policy
from ci.registry.failures import Failure
from ci.registry.retrying import RegistryError
from tests.raised import raises


def test_an_error_ends_with_its_next_step_and_its_code() -> None:
    error = PipelineError("some.code", "it broke", hint="fix it", details="why\n")
    assert str(error) == "it broke\nwhy\nNext: fix it\nCode: some.code"


def test_an_error_of_a_registry_has_the_code_of_its_failure() -> None:
    error = RegistryError("push", Failure("some.code", "the registry refuses", hint="fix it"), "why")
    assert str(error) == "push: the registry refuses\nwhy\nNext: fix it\nCode: some.code"


def test_an_error_with_a_cause_is_logged_without_a_traceback_and_a_bug_with_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hide_tracebacks()
    logger = logging.getLogger("dagger.mod")
    logger.propagate = True
    with raises("policy.not-toml") as caught:
        policy.read("[")
    assert caught.value.__cause__ is not None
    for each in (caught.value, ValueError("a bug")):
        logger.error("failed", exc_info=each)
    assert "a bug" in caplog.text
    assert "policy" not in caplog.text


SERVICES = policy.Policy(services_without_tests=("till",))


def test_a_setting_that_names_no_service_is_refused() -> None:
    with raises("policy.unknown-service", "'till'"):
        SERVICES.check_services(["web"])


def test_the_catalogue_is_read_with_names_and_helpers() -> None:
    source = """
FILE = "a.toml"

def _wrong(code: str, what: str, field: str = "") -> PipelineError:
    place = FILE + (f", {field}" if field else "")
    return PipelineError(code, f"{place}: {what}", hint="fix it")

def read(text: str) -> None:
    what = f"'{text.strip()}' is not a number"
    if not text:
        raise _wrong("a.empty", "empty", "")
    if len(text) > 9:
        raise _wrong("a.too-long", f"{len(text)} characters", "size")
    raise PipelineError("a.not-a-number", what, hint="write 1" if text else "write 2")

def judge(items: list[str]) -> None:
    raise PipelineError("a.wrong", "; ".join(_about(each) for each in items), hint=_next(items))

def _about(item: str) -> str:
    if not item:
        return _about("x")
    who = f"item '{item[0]}'" if item else item
    return f"{who} is wrong"

def _next(items: list[str]) -> str:
    return "fix " + ("both" if items[1:] else "it")

def pass_on(error: PipelineError, data: dict[str, str]) -> None:
    if data:
        raise PipelineError(**data)
    raise PipelineError(error.code, f"there: {error.what}", hint=error.hint)
"""
    assert sources.read(source, "m.py") == [
        sources.Entry("a.empty", "a.toml: empty", "fix it"),
        sources.Entry("a.too-long", "a.toml, size: {number} characters", "fix it"),
        sources.Entry("a.not-a-number", "'{…}' is not a number", "{write 1 or write 2}"),
        sources.Entry("a.wrong", "{item '{…}' or {item}} is wrong", "fix {both or it}"),
    ]


@pytest.mark.parametrize(
    "first", ["", "code, ", 'f"{area}.x", ', '"a." + "b", ', "*both, "], ids=lambda first: first or "none"
)
def test_a_code_that_is_no_literal_is_refused(first: str) -> None:
    with pytest.raises(ValueError, match=r"m\.py:1: .* literal"):
        sources.read(f'raise PipelineError({first}"it broke", hint="fix it")', "m.py")


@pytest.mark.parametrize("code", ["", "empty", "a.Empty", "a.b.c", "a.b_c", "a.-b", "a.b1", " a.b"])
def test_a_code_of_another_form_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match=r"area\.words"):
        codes.unique([sources.Entry(code, "it broke", "fix it")])


def test_two_errors_of_one_code_are_refused_and_the_same_twice_is_one() -> None:
    one = sources.Entry("a.b", "it broke", "fix it")
    assert codes.unique([one, one]) == {"a.b": one}
    for text, hint in (("it is gone", "fix it"), ("it broke", "leave it")):
        with pytest.raises(ValueError, match=r"two errors have the code a\.b"):
            codes.unique([one, sources.Entry("a.b", text, hint)])


def test_explain_prints_what_the_page_has() -> None:
    printed = codes.explain("compose.no-services")
    assert printed == (
        "compose.no-services: the compose file has no services, or all of them are in profiles that are not "
        "enabled\nNext: add one under `services:`, or enable a profile: --profiles NAME\n"
    )


@pytest.mark.parametrize(
    ("code", "closest"),
    [
        ("compose.no-service", "did you mean compose.no-services"),
        ("no-services", "did you mean compose.no-services"),
        ("sandbox.xyz", "sandbox.ended"),
        ("", "build.bake-failed, "),
    ],
)
def test_explain_lists_the_closest_codes(code: str, closest: str) -> None:
    with raises("explain.unknown-code", f"--code {code!r}", closest):
        codes.explain(code)
