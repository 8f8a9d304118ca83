from __future__ import annotations

import base64
import dataclasses
import json
import urllib.parse
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from ci.posture import judge, report
from ci.posture.facts import Started, by_rules
from ci.posture.rules import RULES
from ci.project.policy import Policy
from ci.project.waivers import Waiver
from tests.raised import raises
from tests.unit.posture.layouts import SOUND, Entry, make

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ci.posture.facts import Image

TODAY = date(2030, 1, 15)
CODE = {"app/main.py": Entry(b"print()")}


def verdict(image: Image, **policy: Any) -> judge.Verdict:  # noqa: ANN401 - any setting
    return judge.judge([image], Policy(**policy), TODAY, ["web", "api"])


def broken(image: Image, **policy: Any) -> dict[str, str]:  # noqa: ANN401 - any setting
    return {
        each.rule.id: " | ".join(violation.text for violation in each.found)
        for each in verdict(image, **policy).failing
    }


def test_a_sound_image_keeps_every_rule(tmp_path: Path) -> None:
    assert broken(make(tmp_path, CODE).image()) == {}


# Every rule that looks at config or layers: what breaks it, and what is said.
BROKEN: list[tuple[str, dict[str, Entry], dict[str, Any], str]] = [
    ("non-root-user", CODE, {"User": ""}, "no USER: it runs as root"),
    ("non-root-user", CODE, {"User": "app"}, "USER app is a name"),
    ("non-root-user", CODE, {"User": "0:0"}, "USER 0:0 is root"),
    ("healthcheck", CODE, {"Healthcheck": None}, "no HEALTHCHECK"),
    ("healthcheck", CODE, {"Healthcheck": {"Test": ["NONE"]}}, "no HEALTHCHECK"),
    ("no-caches", {"root/.cache/uv/x": Entry()}, {}, "1 files, 0.0 MB: /root/.cache/uv/x"),
    ("no-caches", {"var/lib/apt/lists/x": Entry()}, {}, "/var/lib/apt/lists/x"),
    ("no-build-tools", {"usr/local/bin/uv": Entry()}, {}, "the image has: /usr/local/bin/uv"),
    ("no-build-tools", {"usr/bin/x86_64-linux-gnu-gcc-14": Entry()}, {}, "gcc-14"),
    ("no-build-tools", {"opt/venv/bin/pip3.13": Entry()}, {}, "/opt/venv/bin/pip3.13"),
    ("no-build-tools", {"opt/v/lib/site-packages/pip/__init__.py": Entry()}, {}, "site-packages/pip"),
    ("no-setuid", {"app/tool": Entry(mode=0o4755)}, {}, "added: /app/tool (4755)"),
    ("root-owned", {"app/main.py": Entry(uid=10001)}, {}, "/app/main.py (10001:10001)"),
    ("not-writable", {"app/main.py": Entry(mode=0o666)}, {}, "/app/main.py (0666)"),
    ("no-secret-settings", CODE, {"Env": ["API_KEY=abc"]}, "ENV API_KEY has a value"),
    ("no-secret-settings", CODE, {"Labels": {"deploy.token": "abc"}}, "LABEL deploy.token has a value"),
    ("no-secret-files", {"app/p": Entry(b"\x30\x82\x0a\x01\x02\x01\x03\x30x")}, {}, "a PKCS #12 key store"),
    ("no-secret-files", {"app/k": Entry(b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5x")}, {}, "a KeePass database"),
    ("no-unexpected-pth", {"opt/x/site-packages/a.pth": Entry()}, {}, "/opt/x/site-packages/a.pth"),
    ("ports-match", CODE, {"ExposedPorts": {}}, "port 8000/tcp, the Dockerfile does not EXPOSE it"),
    ("ports-match", CODE, {"ExposedPorts": {"8000/tcp": {}, "9/udp": {}}}, "EXPOSE 9/udp, which"),
]


# What resembles the above and breaks no rule.
LOOKALIKES: list[tuple[str, dict[str, Entry], dict[str, Any], dict[str, Any]]] = [
    ("non-root-user", CODE, {"User": "65534"}, {}),
    ("healthcheck", CODE, {"Healthcheck": {"Test": ["CMD-SHELL", "none"]}}, {}),
    ("no-caches", {"app/.cache/x": Entry(), "srv/tmp/x": Entry(), "app/var/cache/apt/x": Entry()}, {}, {}),
    (
        "no-build-tools",
        {"app/uv": Entry(), "opt/venv/bin/piped": Entry(), "usr/bin/gccgo.txt": Entry()},
        {},
        {},
    ),
    ("no-setuid", {"app/tool": Entry(mode=0o1755)}, {}, {}),
    ("root-owned", {"app/main.py": Entry(uid=0)}, {}, {}),
    ("not-writable", {"app/main.py": Entry(mode=0o775)}, {}, {}),
    ("no-secret-settings", CODE, {"Env": ["MAX_TOKENS=4096", "TIKTOKEN_CACHE_DIR=/opt/x", "KEY=x"]}, {}),
    ("no-secret-settings", CODE, {"Env": ["VENDOR_TOKEN=abc"]}, {"allowed_secret_names": ("VENDOR_TOKEN",)}),
    (
        "no-secret-files",
        {
            "app/.env": Entry(b"A=b"),
            "app/id_rsa": Entry(b"none"),
            "app/x.p12": Entry(b"text"),
            "app/d": Entry(b"0\x03"),
        },
        {},
        {},
    ),
    ("no-unexpected-pth", {"x/site-packages/known.pth": Entry()}, {}, {"allowed_pth_files": ("known.pth",)}),
    ("ports-match", CODE, {"ExposedPorts": {"8000": {}}}, {}),
    ("size-budget", CODE, {}, {"size_budgets": {"web": 1}}),
]


@pytest.mark.parametrize(("rule", "files", "config", "policy"), LOOKALIKES)
def test_what_only_looks_like_it_breaks_no_rule(
    tmp_path: Path, rule: str, files: dict[str, Entry], config: dict[str, Any], policy: dict[str, Any]
) -> None:
    assert rule
    assert broken(make(tmp_path, files, config=config).image(), **policy) == {}


@pytest.mark.parametrize(("rule", "files", "config", "said"), BROKEN)
def test_an_image_that_breaks_a_rule_is_told_it_and_no_other(
    tmp_path: Path, rule: str, files: dict[str, Entry], config: dict[str, Any], said: str
) -> None:
    found = broken(make(tmp_path, files, config=config).image())
    assert list(found) == [rule]
    assert said in found[rule]


STARTED = [
    ("read-only-start", Started(problem="it ended with exit code 1\nOSError: /app"), "OSError: /app"),
    ("stops-in-time", Started(exit_code=143), "ends with exit code 143 after SIGTERM"),
    ("stops-in-time", Started(exit_code=137, killed=True, grace=3), "still runs 3 s after SIGTERM"),
]


@pytest.mark.parametrize(("rule", "started", "said"), STARTED)
def test_how_it_starts_and_stops(tmp_path: Path, rule: str, started: Started, said: str) -> None:
    found = broken(make(tmp_path, CODE).image(started=started))
    assert list(found) == [rule]
    assert said in found[rule]


def test_a_base_without_digest_is_named(tmp_path: Path) -> None:
    declared = dataclasses.replace(SOUND, references=("python:3.13", *SOUND.references))
    assert broken(make(tmp_path, CODE).image(declared)) == {"pinned-base": "python:3.13"}


def test_an_image_over_its_budget_shows_its_layers(tmp_path: Path) -> None:
    noise = bytes(range(256)) * 40
    image = make(
        tmp_path, {"app/old": Entry(noise)}, {"app/old": Entry(b"")}, {"app/.wh.old": Entry(b"")}
    ).image(dataclasses.replace(SOUND, instructions=("COPY a /app", "RUN : > /app/old", "RUN rm /app/old")))
    assert broken(image) == {}
    found = broken(image, size_budgets={"web": 0})["size-budget"]
    assert found.startswith("0.0 MB of 0 MB, compressed")
    assert "COPY a /app" in found
    assert "(base image)" in found
    assert [layer.wasted for layer in image.layers] == [0, len(noise), 0, 0]


def test_every_rule_has_something_that_breaks_it_and_something_that_only_looks_like_it() -> None:
    elsewhere = {row[0] for row in STARTED} | {"pinned-base"}
    assert {row[0] for row in BROKEN} | elsewhere | {"size-budget"} == {rule.id for rule in RULES}
    assert {row[0] for row in LOOKALIKES} | elsewhere == {rule.id for rule in RULES}


def test_an_image_that_stops_with_zero_in_time_and_a_pinned_base_are_sound(tmp_path: Path) -> None:
    pinned = dataclasses.replace(SOUND, references=(f"python:latest@sha256:{'1' * 64}",))
    assert broken(make(tmp_path, CODE).image(pinned, Started(exit_code=0, grace=0.1))) == {}


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


def test_what_the_base_brings_is_not_the_image_s(tmp_path: Path) -> None:
    image = make(tmp_path, CODE).image()  # every file of the base is setuid
    assert broken(image) == {}


def test_a_build_tool_of_the_base_counts_until_it_is_removed(tmp_path: Path) -> None:
    tool = {"usr/bin/pip": Entry()}
    assert "no-build-tools" in broken(make(tmp_path / "a", tool, CODE).image())
    assert broken(make(tmp_path / "b", tool, {"usr/bin/.wh.pip": Entry(b"")}).image()) == {}
    assert broken(make(tmp_path / "c", tool, {"usr/.wh.bin": Entry(b"")}).image()) == {}
    assert broken(make(tmp_path / "d", tool, {"usr/bin/.wh..wh..opq": Entry(b"")}).image()) == {}


def test_how_an_image_runs_is_shown_by_names_never_values(tmp_path: Path) -> None:
    check = {"Test": ["CMD", "true"], "Interval": 30_000_000_000}
    config = {"User": "10001:10001", "Healthcheck": check, "Env": ["PATH=/bin", "B=secret"]}
    image = make(tmp_path, {**CODE, "app/mine": Entry(uid=7)}, config=config).image()
    header, row = report.settings([image])
    shown = dict(zip(header, row, strict=True))
    assert shown["user"] == "10001:10001"
    assert shown["healthcheck"] == "CMD each 30 s"
    assert shown["environment"] == "B PATH"
    assert shown["files"] == "2"
    assert shown["not root's"] == "1"
    bare = make(tmp_path / "bare", CODE, config={"User": "", "Healthcheck": None, "Env": None}).image()
    assert report.settings([bare])[1][2:5] == ["root", "none", ""]


def waiver(until: date, rule: str = "non-root-user", service: str = "web") -> Waiver:
    return Waiver(rule, service, "the vendor's", until)


def test_a_waiver_lets_one_rule_of_one_service_pass_to_its_last_day(tmp_path: Path) -> None:
    image = make(tmp_path, CODE, config={"User": ""}).image()
    passed = verdict(image, waivers=(waiver(TODAY),))
    assert report.error(passed) is None
    assert "waived: tool.ci.waivers: non-root-user of web until 2030-01-15 (the vendor's)" in report.text(
        passed
    )


def test_an_expired_waiver_is_an_error_even_if_nothing_is_broken(tmp_path: Path) -> None:
    red = verdict(make(tmp_path, CODE).image(), waivers=(waiver(date(2030, 1, 14)),))
    error = report.error(red)
    assert error is not None
    assert "posture: the gate fails for tool.ci.waivers" in str(error)
    assert "until 2030-01-14" in str(error)


def test_json_has_each_waiver_and_whether_it_is_used(tmp_path: Path) -> None:
    image = make(tmp_path, CODE, config={"User": "root"}).image()
    waivers = (waiver(TODAY), waiver(date(2030, 1, 14)), waiver(TODAY, rule="size-budget"))
    found = report.data(verdict(image, waivers=waivers))["waivers"]
    assert [(each["rule"], each["until"], each["status"]) for each in found] == [
        ("non-root-user", "2030-01-14", "expired"),
        ("non-root-user", "2030-01-15", "used"),
        ("size-budget", "2030-01-15", "unused"),
    ]
    assert json.loads(json.dumps(found))[0]["reason"] == "the vendor's"


def test_a_waiver_of_one_name_does_not_hide_another(tmp_path: Path) -> None:
    image = make(tmp_path, CODE, config={"Env": ["DB_PASSWORD=abc", "API_KEY=abc", "API_TOKEN=abc"]}).image()
    one = Waiver("no-secret-settings", "web", "a demo", TODAY, ("DB_PASSWORD", "API_K*"))
    assert broken(image, waivers=(one,)) == {"no-secret-settings": "ENV API_TOKEN has a value"}
    assert "waived: tool.ci.waivers: no-secret-settings of web by DB_PASSWORD, API_K*" in report.text(
        verdict(image, waivers=(one,))
    )


@pytest.mark.parametrize("rule", sorted(rule.id for rule in RULES if rule.named))
def test_a_rule_of_many_names_is_waived_by_name_only(tmp_path: Path, rule: str) -> None:
    image = make(tmp_path, CODE).image()
    with raises("posture.waiver-without-names", match=rule):
        verdict(image, waivers=(waiver(TODAY, rule=rule),))


def test_a_waiver_that_is_not_needed_is_said(tmp_path: Path) -> None:
    image = make(tmp_path, CODE).image()
    assert "is not needed: remove it" in report.text(verdict(image, waivers=(waiver(TODAY),)))
    other = verdict(image, waivers=(waiver(TODAY, service="api"),))
    assert "not needed" not in report.text(other)


@pytest.mark.parametrize(
    ("code", "policy", "expected"),
    [
        (
            "posture.unknown-rule",
            {"waivers": (waiver(TODAY, rule="non-rot-user"),)},
            "did you mean 'non-root-user'?",
        ),
        ("posture.unknown-service", {"waivers": (waiver(TODAY, service="wep"),)}, "did you mean 'web'?"),
        ("posture.unknown-service", {"size_budgets": {"zzz": 1}}, "choose from web, api"),
    ],
)
def test_a_name_with_a_slip_is_refused(
    code: str, tmp_path: Path, policy: dict[str, Any], expected: str
) -> None:
    with raises(code, match=r"tool\.ci\.(waivers|size-budgets)") as caught:
        verdict(make(tmp_path, CODE).image(), **policy)
    assert expected in str(caught.value)


def test_the_error_says_rule_finding_reason_and_what_to_do(tmp_path: Path) -> None:
    error = report.error(verdict(make(tmp_path, CODE, config={"User": ""}).image()))
    assert error is not None
    for text in (
        "fails for web",
        "web: non-root-user",
        "no USER",
        "why: ",
        "do: end the Dockerfile",
        "Next: ",
    ):
        assert text in str(error)


def test_the_report_has_table_markdown_json_and_layers(tmp_path: Path) -> None:
    files = report.directory(verdict(make(tmp_path, CODE, config={"User": ""}).image()))
    assert sorted(files) == [
        "layers/web.txt",
        *(f"posture.{kind}" for kind in ("json", "md", "txt")),
        *(f"settings.{kind}" for kind in ("md", "txt")),
    ]
    assert files["posture.md"].startswith("## Posture: failed\n")
    assert '"rule": "non-root-user"' in files["posture.json"]
    assert "COPY app /app" in files["layers/web.txt"]
