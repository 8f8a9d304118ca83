"""Signing on a real engine; tests/release/test_signing.py tests the program behind it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.engine.shops import ORIGIN, Shop, shop
from tests.release import keys as cosign_keys
from tests.release.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.client import Dagger
    from tests.release.keys import Keys

pytestmark = [pytest.mark.engine, pytest.mark.long]
TAG = "refs/tags/v1.2.3"


@pytest.fixture(scope="module")
def keys(cosign: Path, tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return cosign_keys.make(cosign, tmp_path_factory.mktemp("keys") / "ours")


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Registry]:
    running = Registry(tmp_path / "second").start()
    yield running
    running.stop()


@pytest.fixture
def sound(dagger: Dagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("COSIGN_PASSWORD", cosign_keys.PASSWORD)
    return shop(dagger, tmp_path / "shop")


def by(keys: Keys) -> list[str]:
    return ["--sign-key", f"file:{keys.private}", "--sign-password", "env:COSIGN_PASSWORD"]


def test_a_release_is_signed_promoted_and_verified_by_the_key_alone(  # noqa: PLR0913, PLR0917 - two registries
    sound: Shop, keys: Keys, cosign: Path, registry: Registry, second: Registry, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    said = []
    for _ in range(2):  # the second time it is all there, and signed
        export = ["export", "--path", str(out), "--wipe"]
        called = sound.published("release", registry.host, TAG, *export, access=by(keys), target=second.host)
        assert called.code == 0, called.error
        assert cosign_keys.PASSWORD not in called.stdout + called.stderr
        said.append((out / "release.txt").read_text())
    assert "signed by the given key: 1, of these now: 1" in said[0]
    assert "signed by the given key: 1, of these now: 0" in said[1]
    other = cosign_keys.make(cosign, tmp_path / "other")
    for file, place in (("release.json", registry), ("promoted/release.json", second)):
        reference = json.loads((out / file).read_text())["images"][0]["reference"]
        assert reference.startswith(place.host)
        assert keys.verifies(reference)
        address = "--address", reference.rpartition("/")[0], "--service", f"tcp://{place.host}"
        verify = ["registry", *address, "verify", "--release", str(out / file)]
        called = sound.call(*verify, "--public-key", str(keys.public))
        assert called.code == 0, called.error
        assert "valid" in called.stdout
        called = sound.call(*verify, "--public-key", str(other.public))
        assert called.code != 0
        assert "Code: signing.signature-invalid" in called.error
        assert "not checked" in sound.call(*verify).stdout


@pytest.mark.parametrize("verb", ["publish", "release"])
@pytest.mark.parametrize(
    ("key", "password", "text"),
    [
        ("", "wrong", "Code: signing.password-mismatch"),
        ("hello", cosign_keys.PASSWORD, "Code: signing.key-invalid"),
    ],
)
def test_a_key_that_cannot_sign_is_refused_before_anything_is_built(  # noqa: PLR0913, PLR0917 - as pytest gives
    verb: str,
    key: str,
    password: str,
    text: str,
    sound: Shop,
    keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (sound.folder / "shop" / "Dockerfile").write_text("FROM scratch\nNONSENSE\n")
    monkeypatch.setenv("COSIGN_PASSWORD", password)
    monkeypatch.setenv("COSIGN_KEY", key or keys.private.read_text())
    signing = ["--sign-key", "env:COSIGN_KEY", "--sign-password", "env:COSIGN_PASSWORD"]
    called = sound.call("registry", "--address", "myteam.azurecr.io", *signing, verb, "--ref", TAG, *ORIGIN)
    assert called.code != 0
    assert text in called.error
    assert "Next: " in called.error
