"""What is hidden in everything that is printed and written of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.container_scripts.stack import secrecy
from ci.container_scripts.stack.secrecy import Hidden
from tests.unit.project.reading import binary

if TYPE_CHECKING:
    from pathlib import Path

KEY = "-----BEGIN KEY-----\nbGluZSBvbmU=\n  bGluZSB0d28=  \nend\n-----END KEY-----\n"


@pytest.mark.parametrize(
    ("values", "text", "shown"),
    [
        ([], "password", "password"),
        (["secret"], "a secret, secrets", "a ***, ***s"),
        (["pass", "password", "word"], "password pass word", "*** *** ***"),
        (["abcd", "cdef"], "abcdef", "***ef"),
        (["a.*b+(c"], "a.*b+(c aXb", "*** aXb"),
        (["ключ-🔑"], "(ключ-🔑)", "(***)"),
    ],
)
def test_each_value_is_replaced_the_longest_first(values: list[str], text: str, shown: str) -> None:
    assert Hidden(values).text(text) == shown
    assert Hidden(reversed(values)).text(text) == shown


@pytest.mark.parametrize("value", ["", "1", "yes", " \n", "a\nb\n"])
def test_a_short_value_is_no_secret(value: str) -> None:
    text = "yes: 1\n \na\nb"
    assert Hidden([value]).text(text) == text


def test_a_value_of_four_characters_is_one() -> None:
    assert Hidden(["abcd"]).text("abcd") == "***"


def test_a_value_is_hidden_without_the_blanks_around_it() -> None:
    assert Hidden([" token\n"]).text("token, token") == "***, ***"


def test_the_lines_of_a_value_are_hidden_each_by_itself() -> None:
    hidden = Hidden([KEY])
    assert hidden.text(f"a {KEY} b") == "a ***\n b"
    shown = [hidden.text(line) for line in KEY.splitlines()]
    assert shown == ["***", "***", "  ***  ", "end", "***"]


@given(st.lists(st.text("ab*\n", max_size=12), max_size=4), st.text("ab*\n", max_size=40))
def test_no_value_is_left(values: list[str], text: str) -> None:
    shown = Hidden(values).text(text)
    assert [v for v in values if len(v) >= 4 and "*" not in v and v in shown] == []


def test_json_keeps_its_form_and_loses_values_in_keys_and_texts() -> None:
    data = {"key-secret": ["secret", 1, None, True, {"a": {"b": "x secret"}}], "n": 2.5}
    assert Hidden(["secret"]).data(data) == {
        "key-***": ["***", 1, None, True, {"a": {"b": "x ***"}}],
        "n": 2.5,
    }


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_json_without_a_value_stays(data: Any) -> None:  # noqa: ANN401 - JSON
    assert Hidden([]).data(data) == data


def test_a_value_with_quotes_and_line_ends_is_hidden_in_json() -> None:
    value = 'say "hello"\nto \\all'
    written = json.dumps(Hidden([value]).data({"log": f"1 {value} 2"}))
    assert json.loads(written) == {"log": "1 *** 2"}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("plain", "plain"),
        ("'$5 and ${NO}'", "$5 and ${NO}"),
        ("'$$'", "$$"),
        ("'$$$$x'", "$$$$x"),
        ('"a\\nb"', "a\nb"),
        (f"'{KEY}'", KEY),
        (f'"{KEY}"', KEY),
        ("a # comment", "a"),
        ("'a # b'", "a # b"),
        ("", ""),
        ('"é \\" 🔑"', 'é " 🔑'),
    ],
)
def test_an_env_file_is_read_as_compose_reads_it(written: str, value: str, tmp_path: Path) -> None:
    file = tmp_path / "variables.env"
    file.write_text(f"# comment\nexport FIRST=1\nVALUE={written}\nLAST=2\n")
    assert secrecy.given(binary(), file) == {"FIRST": "1", "VALUE": value, "LAST": "2"}


def test_variables_of_this_process_are_not_the_file_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALUE", "other")
    (tmp_path / ".env").write_text("MORE=1\n")
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "variables.env"
    file.write_text("VALUE=mine\n")
    assert secrecy.given(binary(), file) == {"VALUE": "mine"}


def test_no_env_file_has_no_variables(tmp_path: Path) -> None:
    assert secrecy.given("/no/compose", tmp_path / "variables.env") == {}


def test_random_values_are_hidden_and_differ() -> None:
    values = secrecy.random(["A", "B"])
    assert list(values) == ["A", "B"]
    assert values["A"] != values["B"]
    assert secrecy.random(["A"])["A"] != values["A"]
    assert Hidden(values.values()).text(f"{values['A']}{values['B']}") == "******"


def test_files_of_secrets_are_hidden_whole_and_by_line(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(KEY)
    (tmp_path / "token").write_text("abcd\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe" * 4)
    (tmp_path / "public").write_text("public text")
    model = {
        "secrets": {
            **{name: {"file": str(tmp_path / name)} for name in ("key.pem", "token", "bytes", "missing")},
            "folder": {"file": str(tmp_path)},
            "variable": {"environment": "VARIABLE"},
            "external": {"external": True},
        },
        "configs": {"public": {"file": str(tmp_path / "public")}},
    }
    hidden = Hidden(secrecy.of_files(model))
    assert hidden.text(f"{KEY}|abcd|public text") == "***\n|***|public text"
    assert hidden.text((tmp_path / "bytes").read_bytes().decode(errors="replace")) == "***"
    assert hidden.text("bGluZSBvbmU=") == "***"


@pytest.mark.parametrize("model", [{}, {"secrets": None}, {"secrets": {}}])
def test_a_model_without_secrets_has_no_files(model: dict[str, Any]) -> None:
    assert secrecy.of_files(model) == []
