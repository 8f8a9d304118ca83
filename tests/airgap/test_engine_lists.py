"""Package lists that are past their date, from a stale cache or from the mirror itself, with the real apt."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from airgap import packages
from airgap.errors import StepFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine  # needs apt

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def release(until: datetime) -> bytes:
    """Return the Release file of a suite without packages."""
    made = until - timedelta(days=7)
    fields = {
        "Origin": "Test",
        "Codename": "stable",
        "Architectures": "all amd64 arm64",
        "Components": "main",
        "Date": format_datetime(made, usegmt=True),
        "Valid-Until": format_datetime(until, usegmt=True),
        "SHA256": f"\n {EMPTY} 0 main/binary-amd64/Packages\n {EMPTY} 0 main/binary-arm64/Packages",
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items()).encode()


@contextmanager
def mirror(monkeypatch: pytest.MonkeyPatch, folder: Path, *, fresh: bool) -> Iterator[str]:
    """Serve lists that are past their date, except past a cache if the mirror itself has ``fresh`` ones."""
    now = datetime.now(UTC)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("/Release"):
                past_cache = "no-cache" in self.headers.get("Cache-Control", "")
                self.answer(release(now + timedelta(days=2 if fresh and past_cache else -2)))
            elif self.path.endswith("/Packages"):
                self.answer(b"")
            else:
                self.send_error(404)

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    host = f"127.0.0.1:{server.server_port}"
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "sources.list").write_text(f"deb [trusted=yes] http://{host}/debian stable main\n")
    (folder / "apt.conf").write_text(
        f'Dir::Etc::SourceList "{folder}/sources.list"; Dir::Etc::SourceParts "-"; Acquire::Languages "none";'
        f'Dir::State::Lists "{folder}/lists"; Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";'
        'APT::Sandbox::User "root"; Acquire::http::Proxy "DIRECT";'
        'Dir::Etc::Parts "/nowhere"; Dir::Etc::Main "/dev/null";'  # this machine may accept such lists
    )
    monkeypatch.setenv("APT_CONFIG", str(folder / "apt.conf"))
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_stale_cache_is_passed_by_and_the_user_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mirror(monkeypatch, tmp_path, fresh=True):
        note = packages.update(tmp_path / "log")
    assert note == packages.PASSED_CACHES
    assert (tmp_path / "log").read_text().count("$ apt-get") == 2
    assert list((tmp_path / "lists").glob("*_Release"))


def test_a_stale_mirror_is_an_error_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mirror(monkeypatch, tmp_path, fresh=False) as host, pytest.raises(StepFailed) as caught:
        packages.update(tmp_path / "log")
    first = caught.value.what.splitlines()[0]
    assert first.startswith(f"the package registry at {host} has package lists that are past their date")
    assert "/etc/apt/sources.list" in caught.value.hint
