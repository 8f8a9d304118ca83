"""Publishing on a real engine and real registries; tests/release tests the program behind it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import urllib.request
from typing import TYPE_CHECKING

import pytest

from airgap.catalogue import images_map
from ci import tools
from tests.engine.shops import COMMIT, ORIGIN, SOUND, VULNERABLE, Shop, shop
from tests.release.registry import Registry, guarded_by_password

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from pathlib import Path

    from tests.engine.client import Called, Dagger

pytestmark = pytest.mark.engine

TAG = "refs/tags/v1.2.3"
PROMOTED = "promoted/release.json"
TAGS = {"1.2.3", "1.2", "1", "latest", f"sha-{COMMIT[:7]}"}


@pytest.fixture
def sound(dagger: Dagger, tmp_path: Path) -> Shop:
    return shop(dagger, tmp_path / "shop")


def catalogue(registry: Registry) -> list[str]:
    names: list[str] = json.loads(registry.get("/v2/_catalog")[1])["repositories"]
    return names


def assert_nothing_pushed(registry: Registry) -> None:
    """Check that the registry is empty, and that it would list a repository with a single blob."""
    assert catalogue(registry) == []
    with _send("POST", f"http://{registry.host}/v2/control/blobs/uploads/") as begun:
        place = begun.headers["Location"]
    _send("PUT", f"{place}&digest=sha256:{hashlib.sha256().hexdigest()}").close()
    assert catalogue(registry) == ["control"]


def _send(method: str, url: str) -> HTTPResponse:
    request = urllib.request.Request(url, b"", method=method)  # noqa: S310 - a registry of the test
    response: HTTPResponse = urllib.request.urlopen(request, timeout=10)  # noqa: S310 - as above
    return response


def assert_refused(called: Called, *texts: str) -> None:
    assert called.code != 0
    for text in (*texts, "Next: "):
        assert text in called.error
    assert "Traceback" not in called.error


def committed(folder: Path, *messages: str) -> str:
    """Make a repository with a commit of each message, the last with the tag; return its id."""
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example"]
    folder.mkdir()
    subprocess.run([*git, "init", "--quiet"], check=True)
    for message in messages:
        commit = ["commit", "--quiet", "--allow-empty", "--allow-empty-message", "-m", message]
        subprocess.run([*git, *commit], check=True)
    subprocess.run([*git, "tag", "v1.2.3"], check=True)
    done = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.docker_path
def test_release_then_again_then_promote_by_digest(sound: Shop, registry: Registry, tmp_path: Path) -> None:
    out = tmp_path / "out"
    commit = committed(tmp_path / "clone", "", "Sell things")
    # Of two options of a name the last one counts.
    words = ["--commit", commit, "--history", str(tmp_path / "clone" / ".git")]
    for _ in range(2):  # the second time it is all there
        called = sound.published(
            "release", registry.host, TAG, *words, "export", "--path", str(out), "--wipe"
        )
        assert called.code == 0, called.error
    release = json.loads((out / "release.json").read_text())
    image = release["images"][0]
    assert set(registry.tags("team/shop")) >= {"1.2.3", "1.2", "1", "latest", f"sha-{commit[:7]}"}
    assert registry.digest("team/shop", "1.2.3") == image["digest"]
    assert image["gates"]["scan"] == "passed"
    notes = (out / "notes.md").read_text()
    assert "Sell things" in notes
    assert "(no subject)" in notes
    facts = json.loads((out / "release-facts.json").read_text())
    assert (facts["version"], facts["prerelease"], facts["latest"]) == ("1.2.3", False, True)
    source = ["registry", "--address", f"{registry.host}/team", "--service", f"tcp://{registry.host}"]
    verified = sound.call(*source, "verify", "--version", "v1.2.3")
    assert verified.code == 0, verified.error
    assert sound.call(*source, "manifest", "--version", "latest").stdout.strip() == (
        (out / "release.json").read_text().strip()
    )
    assert image["digest"] in verified.stdout
    second = Registry(tmp_path / "second").start()
    try:
        target = ["with-target", "--address", f"{second.host}/live", "--service", f"tcp://{second.host}"]
        called = sound.call(*source, *target, "promote", "--version", "shop/1.2.3")
        assert called.code == 0, called.error
        assert second.digest("live/shop", "1.2.3") == image["digest"]
        edited = json.loads((out / "release.json").read_text())
        edited["images"][0]["digest"] = "sha256:" + "0" * 64
        (out / "edited.json").write_text(json.dumps(edited))
        called = sound.call(*source, *target, "promote", "--release", str(out / "edited.json"))
        assert_refused(called, "release manifest --release: it was changed after it was written")
    finally:
        second.stop()


def test_a_release_is_promoted_in_the_same_call(sound: Shop, registry: Registry, tmp_path: Path) -> None:
    second = Registry(tmp_path / "second").start()
    out = tmp_path / "out"
    export = ["export", "--path", str(out), "--wipe"]
    try:
        called = sound.published("release", registry.host, TAG, "--dry-run", *export, target=second.host)
        assert called.code == 0, called.error
        assert (out / "promoted" / "release.txt").read_text().startswith("dry run: nothing was promoted")
        assert catalogue(registry) == catalogue(second) == []
        for _ in range(2):  # the second time it is all there
            called = sound.published("release", registry.host, TAG, *export, target=second.host)
            assert called.code == 0, called.error
        here, there = (json.loads((out / file).read_text()) for file in ("release.json", PROMOTED))
        assert there["registry"] == f"{second.host}/live"
        assert there["images"][0]["digest"] == here["images"][0]["digest"]
        assert second.digest("live/shop", "1.2.3") == here["images"][0]["digest"]
        assert set(second.tags("live/shop")) >= TAGS
        assert "team/shop" in catalogue(registry)
        assert "live/shop" in catalogue(second)
    finally:
        second.stop()


@pytest.mark.parametrize("verb", ["publish", "release"])
def test_a_vulnerable_image_is_pushed_by_no_verb(
    verb: str, dagger: Dagger, registry: Registry, tmp_path: Path
) -> None:
    here = shop(dagger, tmp_path / "shop", VULNERABLE)
    words = ["export", "--path", str(tmp_path / "out")] if verb != "publish" else []
    assert_refused(here.published(verb, registry.host, TAG, *words), "Code: scan.failed", "CVE-2023-37920")
    assert_nothing_pushed(registry)


def test_another_image_under_a_version_that_is_there_is_refused(sound: Shop, registry: Registry) -> None:
    assert sound.published("publish", registry.host, TAG).code == 0
    before = registry.tags("team/shop")
    (sound.folder / "shop" / "requirements.txt").write_text(SOUND.replace("12.14", "8.30") + "\n")
    assert_refused(
        sound.published("publish", registry.host, TAG), "Code: tags.taken", "1.2.3", before["1.2.3"]
    )
    assert registry.tags("team/shop") == before


def test_a_dry_run_writes_nothing(sound: Shop, registry: Registry) -> None:
    called = sound.published("publish", registry.host, TAG, "--dry-run")
    assert called.code == 0, called.error
    assert "1.2.3" in called.stdout
    assert_nothing_pushed(registry)


@pytest.mark.parametrize(
    ("ref", "texts"),
    [
        ("refs/heads/main", ["--ref refs/heads/main", "Code: release.no-version-tag"]),
        ("refs/tags/v1.2.4", ["Code: version.tag-differs", "1.2.4", "1.2.3"]),
        ("v1.2.3", ["Code: tags.unknown-ref", "v1.2.3"]),
    ],
)
def test_refs_that_are_no_release_of_this_project(ref: str, texts: list[str], sound: Shop) -> None:
    assert_refused(sound.published("release", "127.0.0.1:1", ref), *texts)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--address", "MyTeam.azurecr.io"], "Code: registry.name-upper-case"),
        (["--address", "https://myteam.azurecr.io"], "Code: registry.name-is-url"),
        (["--address", "myteam.azurecr.io", "--username", "u"], "Code: registry.credentials-incomplete"),
        (["--address", "127.0.0.1:5000"], "Code: registry.loopback-unreachable"),
        (["--address", "myteam.azurecr.io", "--sign-password", "env:HOME"], "Code: signing.key-missing"),
    ],
)
def test_registries_and_credentials_are_checked_before_anything_is_built(
    words: list[str], text: str, sound: Shop
) -> None:
    (sound.folder / "shop" / "Dockerfile").write_text("FROM scratch\nNONSENSE\n")
    assert_refused(sound.call("registry", *words, "publish", "--ref", TAG, *ORIGIN), text)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--address", "Prod.azurecr.io"], "Code: registry.name-upper-case"),
        (["--address", "production.azurecr.io", "--username", "u"], "Code: registry.credentials-incomplete"),
        (["--address", "127.0.0.1:5000"], "Code: registry.loopback-unreachable"),
        (["--address", "myteam.azurecr.io"], "Code: promote.same-registry"),
    ],
)
def test_a_target_is_checked_before_anything_is_built(words: list[str], text: str, sound: Shop) -> None:
    (sound.folder / "shop" / "Dockerfile").write_text("FROM scratch\nNONSENSE\n")
    registry = ["registry", "--address", "myteam.azurecr.io", "with-target", *words]
    assert_refused(sound.call(*registry, "release", "--ref", TAG, *ORIGIN), text)


def test_promote_needs_a_target(sound: Shop, tmp_path: Path) -> None:
    (tmp_path / "release.json").write_text("{}")
    words = ["registry", "--address", "myteam.azurecr.io", "promote", "--release"]
    assert_refused(sound.call(*words, str(tmp_path / "release.json")), "Code: promote.target-missing")


@pytest.mark.parametrize(
    "key", ["hunter2hunter2", "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nhunter2hunter2\n"]
)
def test_a_key_in_clear_is_refused_and_not_repeated(key: str, sound: Shop) -> None:
    registry = ["registry", "--address", "myteam.azurecr.io", "--sign-key", key]
    called = sound.call(*registry, "publish", "--ref", TAG, *ORIGIN)
    assert called.code != 0
    assert "hunter2hunter2" not in called.error


def test_where_cosign_cannot_be_had_the_command_that_makes_it_is_named(
    sound: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = os.environ.get("CI_REGISTRY", "127.0.0.1:1")
    substitutes = images_map(here) if "CI_REGISTRY" in os.environ else {}
    substitutes[tools.COSIGN.partition("@")[0]] = f"{here}/no/such:1"
    (tmp_path / "images.json").write_text(json.dumps(substitutes))
    monkeypatch.setenv("COSIGN_KEY", "a key")
    signed = ["registry", "--address", "myteam.azurecr.io", "--sign-key", "env:COSIGN_KEY"]
    images = ["--images", str(tmp_path / "images.json")]
    called = sound.call(*images, *signed, "publish", "--ref", TAG, *ORIGIN)
    assert_refused(called, "Code: signing.cosign-unavailable", "python3 -m airgap up")


def test_a_registry_that_refuses_us_ends_the_work_at_once(sound: Shop, tmp_path: Path) -> None:
    dockerfile = sound.folder / "shop" / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("USER ", "RUN sleep 3600\nUSER "))
    (tmp_path / "password").write_text("not alice's")
    guarded = guarded_by_password(tmp_path / "guarded").start()
    try:
        password = ["--username", "alice", "--password", f"file:{tmp_path}/password"]
        called = sound.published("publish", guarded.host, TAG, access=password)
    finally:
        guarded.stop()
    assert_refused(called, "Code: registry.unauthorized")
    assert "not alice's" not in called.error


def test_a_password_in_clear_is_refused_and_not_repeated(sound: Shop) -> None:
    credentials = ["--address", "myteam.azurecr.io", "--username", "u", "--password", "hunter2hunter2"]
    called = sound.call("registry", *credentials, "publish", "--ref", TAG, *ORIGIN)
    assert called.code != 0
    assert "hunter2hunter2" not in called.error


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ('services-without-tests = ["shop"]\n', "Code: test.no-suite"),
        (
            'services-without-tests = ["till"]\nintegration = ""\n',
            "Code: policy.unknown-service",
        ),
        ('integration = ""\n', "Code: test.no-tests"),
    ],
)
def test_what_is_not_tested_is_not_pushed_unless_the_policy_says_so(
    setting: str, text: str, sound: Shop, registry: Registry
) -> None:
    project = '[project]\nname = "shop"\nversion = "1.2.3"\n\n[tool.ci]\n'
    (sound.folder / "pyproject.toml").write_text(project + setting)
    assert_refused(sound.published("publish", registry.host, TAG), text)
    assert_nothing_pushed(registry)
