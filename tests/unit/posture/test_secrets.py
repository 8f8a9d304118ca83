"""Secrets in an image: by name, by form, and by the values that a build was given."""

from __future__ import annotations

import base64
import json
import urllib.parse
from typing import TYPE_CHECKING, Any

import pytest

from ci.container_scripts import image_facts
from ci.posture.facts import by_rules
from tests.unit.posture.judged import CODE, broken
from tests.unit.posture.layouts import Entry, make

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_secret_that_a_later_layer_deletes_is_still_found(tmp_path: Path) -> None:
    store = Entry(b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5x")
    image = make(tmp_path, {"app/key": store}, {"app/.wh.key": Entry(b"")}).image()
    assert "no-secret-files" in broken(image)


def test_what_trivy_s_rules_find_is_named_with_its_file_and_instruction(tmp_path: Path) -> None:
    made = make(tmp_path, CODE)
    layers = made.facts["config"]["rootfs"]["diff_ids"]

    def secret(digest: str) -> dict[str, Any]:
        return {"RuleID": "private-key", "Title": "Asymmetric Private Key", "Layer": {"DiffID": digest}}

    results = [
        {"Target": "/app/key", "Secrets": [secret(layers[1])]},
        {"Target": "/etc/base", "Secrets": [secret(layers[0])]},
        {"Target": "(config)", "Secrets": [secret("")]},
    ]
    secrets = by_rules({"Results": results}, made.facts)
    assert broken(made.image(secrets=secrets)) == {
        "no-secret-files": "/app/key: Asymmetric Private Key (private-key) (from COPY app /app) | "
        "the config: Asymmetric Private Key (private-key)"
    }


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "in a line": lambda value: b"x" + value + b"y",
    "base64": lambda value: b"key: " + base64.b64encode(value),
    "base64 with a newline": lambda value: base64.b64encode(value + b"\n"),
    "base64 after one letter": lambda value: base64.b64encode(b"u" + value + b"zzz"),
    "base64 after two letters": lambda value: base64.b64encode(b"u:" + value),
    "base64 in lines": lambda value: base64.encodebytes(value * 3),
    "base64 for URLs": base64.urlsafe_b64encode,
    "hexadecimal": lambda value: value.hex().encode(),
    "in JSON": lambda value: json.dumps({"key": value.decode()}).encode(),
    "in a URL": lambda value: urllib.parse.quote(value, safe="").encode(),
    "with other line ends": lambda value: value.replace(b"\n", b"\r\n"),
    "indented": lambda value: value.replace(b"\n", b"\n    "),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_given_value_is_found_in_whatever_form_it_has(tmp_path: Path, form: str) -> None:
    value = b"first line of it?>\nand a second/one\xc3\xa9"
    made = make(tmp_path, {"app/data": Entry(FORMS[form](value))}, values={"KEY": value + b"\n"})
    assert broken(made.image()) == {"no-secret-files": "/app/data: the value of KEY (from COPY app /app)"}
    other = value.replace(b"second", b"third")
    made = make(tmp_path / "other", {"app/data": Entry(FORMS[form](other))}, values={"KEY": value})
    assert broken(made.image()) == {}


def test_a_given_value_is_found_in_layers_and_config_and_not_shown(tmp_path: Path) -> None:
    value = b"canary-0123456789"
    made = make(
        tmp_path,
        {"app/data": Entry(b"\0\1" + value + b"\2")},
        config={"Labels": {"note": value.decode()}},
        values={"NPM_TOKEN": value},
    )
    found = broken(made.image())["no-secret-files"]
    assert "/app/data: the value of NPM_TOKEN" in found
    assert "the config: the value of NPM_TOKEN" in found
    assert value.decode() not in found


def test_a_secret_is_given_in_a_variable_or_with_any_bytes_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_bytes(b"\xff\x00 any bytes")
    monkeypatch.setenv("token", "a text")
    assert image_facts.given("token") == ("token", b"a text")
    assert image_facts.given(f"store={tmp_path}/key") == ("store", b"\xff\x00 any bytes")
