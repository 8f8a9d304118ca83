"""Registries that ask who is there: by password, and by token as Azure does."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.release import processes, sets
from tests.release.proxy import Hold, Proxy
from tests.release.registry import PASSWORD, Registry
from tests.release.tokens import USER, TokenServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def with_password(release: sets.Set, host: str, folder: Path, user: str, password: str) -> dict[str, Any]:
    file = folder / "password"
    file.write_text(password)
    request = release.request(host)
    request["registries"][0] |= {"username": user, "password_file": str(file)}
    return request


@pytest.mark.parametrize("end", ["", "\n"])
def test_the_right_password_opens(end: str, guarded: Registry, release: sets.Set, tmp_path: Path) -> None:
    request = with_password(release, guarded.host, tmp_path, "alice", PASSWORD + end)
    run = sets.run(request, tmp_path / "run")
    assert (run.code, run.error) == (0, "")
    assert guarded.get("/v2/shop/agent/tags/list")[0] == 401


def test_whether_a_registry_lets_us_in_can_be_asked_before_a_push(
    guarded: Registry, release: sets.Set, tmp_path: Path
) -> None:
    for number, (password, code) in enumerate([(PASSWORD, 0), ("wrong", 10)]):
        request = with_password(release, guarded.host, tmp_path, "alice", password)
        asked = {**request, "repositories": [f"{guarded.host}/team/not-there"]}
        run = sets.run(asked, tmp_path / f"run-{number}", "reach")
        assert (run.code, "registry.unauthorized" in run.error) == (code, bool(code))


def test_wrong_credentials_are_said_at_once_and_not_repeated(
    guarded: Registry, release: sets.Set, tmp_path: Path
) -> None:
    wrong = "wrong-" + PASSWORD
    run = sets.run(with_password(release, guarded.host, tmp_path, "alice", wrong), tmp_path / "run")
    assert run.code == sets.REFUSED
    assert "registry.unauthorized" in run.error
    assert "trying again" not in run.said
    assert PASSWORD not in run.said + run.error
    right = with_password(release, guarded.host, tmp_path, "alice", PASSWORD)
    assert sets.run(right, tmp_path / "run").code == 0


def test_no_credentials_at_all(guarded: Registry, release: sets.Set, tmp_path: Path) -> None:
    run = sets.run(release.request(guarded.host), tmp_path / "run")
    assert run.code == sets.REFUSED
    assert "registry.unauthorized" in run.error


def test_the_password_is_in_no_argument_no_variable_and_no_file_that_stays(
    guarded: Registry, release: sets.Set, tmp_path: Path
) -> None:
    with Proxy(guarded.port) as door:
        reached, until = threading.Event(), threading.Event()
        door.rule = lambda request: Hold(reached, until) if request.is_a("PUT", "/manifests/1.2.3") else None
        request = with_password(release, door.host, tmp_path, "alice", PASSWORD)
        process = sets.start(request, tmp_path / "run")
        assert reached.wait(60)
        seen = processes.visible()
        until.set()
        run = sets.finish(process, tmp_path / "run")
    assert any(b"registry\0push" in text for text in seen)  # the one that was held was seen
    assert not any(PASSWORD.encode() in text for text in seen)
    assert run.code == 0
    assert PASSWORD not in run.said
    left = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert not any(PASSWORD.encode() in path.read_bytes() for path in left)


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[TokenServer]:
    with TokenServer(tmp_path / "tokens") as server:
        yield server


@pytest.fixture
def azure(tokens: TokenServer, tmp_path: Path) -> Iterator[Registry]:
    """The real registry behind the stand-in of Azure's token service."""
    running = Registry(tmp_path / "azure", auth=tokens.registry_auth).start()
    yield running
    running.stop()


def test_an_exposed_token_is_the_null_user_s_password(
    azure: Registry, tokens: TokenServer, release: sets.Set, tmp_path: Path
) -> None:
    request = with_password(release, azure.host, tmp_path, USER, tokens.refresh_token)
    run = sets.run(request, tmp_path / "run")
    assert (run.code, run.error) == (0, "")
    verification = release.verification(azure.host) | {"registries": request["registries"]}
    again = sets.run(verification, tmp_path / "run", "verify")
    assert again.code == 0
    assert tokens.refresh_token not in run.said + again.said
    scopes = {scope for asked in tokens.asked for text in asked["scope"] for scope in text.split(" ")}
    # Only ever the repositories of this set: what a repository-scoped token may do is enough.
    assert {scope.split(":")[1] for scope in scopes} == {f"shop/{service}" for service in sets.SERVICES}
    assert {action for scope in scopes for action in scope.split(":")[2].split(",")} == {"pull", "push"}


def test_an_expired_token_is_refused_credentials(azure: Registry, release: sets.Set, tmp_path: Path) -> None:
    run = sets.run(with_password(release, azure.host, tmp_path, USER, "expired"), tmp_path / "run")
    assert run.code == sets.REFUSED
    assert "registry.unauthorized" in run.error
    assert "a token has not expired" in run.error


def test_a_role_that_may_only_pull_cannot_push(
    azure: Registry, tokens: TokenServer, release: sets.Set, tmp_path: Path
) -> None:
    tokens.denied.add("push")
    request = with_password(release, azure.host, tmp_path, USER, tokens.refresh_token)
    run = sets.run(request, tmp_path / "run")
    assert run.code == sets.REFUSED
    assert "registry.unauthorized" in run.error or "registry.denied" in run.error
    tokens.denied.clear()
    assert sets.run(request, tmp_path / "run").code == 0


def test_access_tokens_that_expire_during_a_release_are_renewed(tmp_path: Path, release: sets.Set) -> None:
    with TokenServer(tmp_path / "short", lifetime=2) as tokens:
        registry = Registry(tmp_path / "azure", auth=tokens.registry_auth).start()
        try:
            request = with_password(release, registry.host, tmp_path, USER, tokens.refresh_token)
            run = sets.run(request, tmp_path / "run")
            assert (run.code, run.error) == (0, "")
        finally:
            registry.stop()
