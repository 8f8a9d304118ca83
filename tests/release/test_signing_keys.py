"""Keys that sign and keys that cannot, and what a signing run shows and reaches, with the real cosign."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.release import keys as cosign_keys
from tests.release import processes, sets
from tests.release.proxy import Hold, Proxy
from tests.release.registry import PASSWORD, Registry
from tests.release.rules import nth

if TYPE_CHECKING:
    from pathlib import Path

    from tests.release.keys import Keys

pytestmark = pytest.mark.long
# Of the lists of what is attached: one for SBOM and provenance of each of five images, then the signatures.
FIRST_SIGNATURE = 6
LIST = "/manifests/sha256-"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"password": "wrong"}, "signing.password-mismatch"),
        ({"password": ""}, "signing.password-mismatch"),
        ({"cosign.key": "hello"}, "signing.key-invalid"),
        (
            {"cosign.key": "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"},
            "signing.key-invalid",
        ),
    ],
)
@pytest.mark.parametrize("command", ["key", "push"])
def test_a_key_that_cannot_sign_is_refused_before_anything_is_sent(  # noqa: PLR0913, PLR0917 - as pytest gives
    command: str,
    change: dict[str, str],
    text: str,
    proxy: Proxy,
    release: sets.Set,
    cosign: Path,
    tmp_path: Path,
) -> None:
    keys = cosign_keys.make(cosign, tmp_path / "keys")
    for name, content in change.items():
        (keys.folder / name).write_text(content)
    run = sets.run(release.request(proxy.host, **keys.signing()), tmp_path / "run", command)
    assert run.code == sets.REFUSED
    assert text in run.error
    assert proxy.seen == []
    for content in change.values():
        assert not content or content not in run.error + run.said


def test_a_key_that_works_is_tried_without_the_registry(
    proxy: Proxy, release: sets.Set, keys: Keys, tmp_path: Path
) -> None:
    request = release.request(proxy.host, **keys.signing()) | {"images": []}
    run = sets.run(request, tmp_path / "run", "key")
    assert (run.code, run.error) == (0, "")
    assert proxy.seen == []


def test_a_private_key_is_no_public_one_and_is_not_shown(
    registry: Registry, signed: sets.Set, keys: Keys, tmp_path: Path
) -> None:
    request = signed.verification(registry.host) | keys.checking()
    request["signing"] = {"public_key_file": str(keys.private)}
    run = sets.run(request, tmp_path / "run", "verify")
    assert run.code == sets.REFUSED
    assert "signing.public-key-invalid" in run.error
    assert keys.private.read_text().splitlines()[1] not in run.error


def test_nothing_but_the_registry_is_reached(
    registry: Registry, release: sets.Set, keys: Keys, tmp_path: Path
) -> None:
    # Go's clients go past a proxy to loopback alone: all else would knock here.
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(0)
        proxy = f"http://127.0.0.1:{door.getsockname()[1]}"
        env = {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy}
        run = sets.run(release.request(registry.host, **keys.signing()), tmp_path / "run", **env)
        assert (run.code, run.error) == (0, "")
        request = release.verification(registry.host) | keys.checking()
        assert sets.run(request, tmp_path / "run", "verify", **env).code == 0
        with pytest.raises(BlockingIOError):
            door.accept()


def test_neither_password_is_in_an_argument_a_variable_or_a_file_that_stays(
    guarded: Registry, release: sets.Set, keys: Keys, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    with Proxy(guarded.port) as door:
        reached, until = threading.Event(), threading.Event()
        door.rule = nth(FIRST_SIGNATURE, "PUT", LIST, Hold(reached, until))
        request: dict[str, Any] = release.request(door.host, **keys.signing())
        request["registries"][0] |= {"username": "alice", "password_file": str(tmp_path / "password")}
        process = sets.start(request, tmp_path / "run")
        assert reached.wait(60)
        seen = processes.visible()
        until.set()
        run = sets.finish(process, tmp_path / "run")
    assert any(b"registry\0push" in text for text in seen)  # the one that was held was seen
    for password in (PASSWORD, cosign_keys.PASSWORD):
        assert not any(password.encode() in text for text in seen)
        assert password not in run.said
        left = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
        assert not any(password.encode() in path.read_bytes() for path in left)
    assert (run.code, run.error) == (0, "")
