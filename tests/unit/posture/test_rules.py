"""What breaks each rule, and what only looks like it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from ci.posture.facts import Started
from ci.posture.rules import RULES
from tests.unit.posture.judged import CODE, broken
from tests.unit.posture.layouts import SOUND, Entry, make

if TYPE_CHECKING:
    from pathlib import Path


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
    ("not-writable", {"app/.venv/.lock": Entry(b"x", mode=0o666)}, {}, "/app/.venv/.lock (0666)"),
    ("not-writable", {"app/__init__.py": Entry(b"", mode=0o666)}, {}, "/app/__init__.py (0666)"),
    ("no-secret-settings", CODE, {"Env": ["API_KEY=abc"]}, "ENV API_KEY has a value"),
    ("no-secret-settings", CODE, {"Labels": {"deploy.token": "abc"}}, "LABEL deploy.token has a value"),
    ("no-secret-files", {"app/p": Entry(b"\x30\x82\x0a\x01\x02\x01\x03\x30x")}, {}, "a PKCS #12 key store"),
    ("no-secret-files", {"app/k": Entry(b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5x")}, {}, "a KeePass database"),
    ("no-unexpected-pth", {"opt/x/site-packages/a.pth": Entry()}, {}, "/opt/x/site-packages/a.pth"),
    ("no-unexpected-pth", {"x/_virtualenv.pth": Entry(b"import _virtualenv, os")}, {}, "/x/_virtualenv.pth"),
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
    ("not-writable", {"app/.venv/.lock": Entry(b"", mode=0o666)}, {}, {}),
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
    ("no-unexpected-pth", {"x/site-packages/_virtualenv.pth": Entry(b"import _virtualenv")}, {}, {}),
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


def test_what_the_base_brings_is_not_the_image_s(tmp_path: Path) -> None:
    image = make(tmp_path, CODE).image()  # every file of the base is setuid
    assert broken(image) == {}


def test_a_build_tool_of_the_base_counts_until_it_is_removed(tmp_path: Path) -> None:
    tool = {"usr/bin/pip": Entry()}
    assert "no-build-tools" in broken(make(tmp_path / "a", tool, CODE).image())
    assert broken(make(tmp_path / "b", tool, {"usr/bin/.wh.pip": Entry(b"")}).image()) == {}
    assert broken(make(tmp_path / "c", tool, {"usr/.wh.bin": Entry(b"")}).image()) == {}
    assert broken(make(tmp_path / "d", tool, {"usr/bin/.wh..wh..opq": Entry(b"")}).image()) == {}


@pytest.mark.parametrize(("history", "made_by"), [(("Debian", "COPY app"), "Debian"), (("Debian",), "")])
def test_the_history_of_the_base_names_its_instructions_if_it_is_complete(
    tmp_path: Path, history: tuple[str, ...], made_by: str
) -> None:
    written = [{"created_by": each} for each in history] + [{"created_by": "CMD app", "empty_layer": True}]
    base, own = make(tmp_path, CODE).with_history(written).image().layers
    assert (base.instruction, own.instruction) == (made_by, "COPY app /app")
