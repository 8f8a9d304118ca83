"""Counting the bytes that a call sends to the engine, and the budget for them."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from airgap.errors import AirgapError
from bench import __main__ as bench
from bench import counted, upload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SENT, ANSWER = b"q" * 300_000, b"a" * 700_000


def answer(listener: socket.socket) -> None:
    """Read each connection to its end, then answer."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client:
            while client.recv(1 << 16):
                pass
            client.sendall(ANSWER)


@pytest.fixture(params=["unix", "tcp"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with ExitStack() as undo:
        if request.param == "unix":
            address = f"unix://{tmp_path}/real.sock"
            listener = undo.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(f"{tmp_path}/real.sock")
            listener.listen()
        else:
            listener = undo.enter_context(socket.create_server(("127.0.0.1", 0)))
            address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        undo.callback(thread.join)
        undo.callback(listener.shutdown, socket.SHUT_RDWR)
        yield address


def ask(address: str) -> int:
    """Send all data, and return the number of received bytes."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(address.removeprefix("unix://"))
        client.sendall(SENT)
        client.shutdown(socket.SHUT_WR)
        return sum(len(data) for data in iter(lambda: client.recv(1 << 16), b""))


def test_all_bytes_of_all_connections_are_counted_each_way(engine: str, tmp_path: Path) -> None:
    with counted.between(engine, tmp_path) as (address, found):
        assert [ask(address) for _ in range(3)] == [len(ANSWER)] * 3
    assert (found.sent, found.received) == (3 * len(SENT), 3 * len(ANSWER))


def test_a_call_that_sends_too_much_is_named() -> None:
    def rows(line: float) -> dict[str, dict[str, float]]:
        return {upload.NOTHING: {"median": 90_000}, upload.LINE: {"median": line}}

    assert upload.exceeded(rows(300_000)) == []
    assert upload.exceeded(rows(4_000_000)) == ["a call sends 4000 kB, one line changed; at most are 300"]


def test_where_no_socket_leads_to_the_engine_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(upload.RUNNER, "docker-container://engine")
    said: list[str] = []
    assert upload.measure(1, said.append)["exceeded"] == []
    assert "docker-container://engine" in said[0]


def test_a_part_or_a_stack_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["--parts", "growth,uploads"])
    assert "unknown part 'uploads'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        bench.main(["--stacks", "30,31"])
    assert "unknown stack '31'" in capsys.readouterr().err


def test_a_python_without_the_client_library_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", {}.get)
    with pytest.raises(AirgapError, match="has no Dagger client library") as refused:
        bench.main(["--parts", "cases,overhead", "--output", str(tmp_path / "report")])
    assert "make bench" in refused.value.hint
    assert not (tmp_path / "report").exists()


@pytest.mark.engine
def test_a_changed_line_is_sent_and_the_rest_of_the_repository_is_not() -> None:
    if "CI_ENGINE_CHOSEN" not in os.environ:
        pytest.fail('no engine is chosen: run `make test`, or eval "$(python3 -m airgap env --auto)" first')
    seen = upload.measure(1, lambda _: None)
    if "reason" in seen:
        pytest.skip(seen["reason"])
    first, line = (seen["rows"][title]["median"] for title in (upload.FIRST, upload.LINE))
    assert first > upload.MOST_SENT > line > 0
    assert seen["exceeded"] == []
