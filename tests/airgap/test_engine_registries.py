"""When a package registry returns errors to the real tools, one error names it and advises a retry."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from airgap import catalogue
from tests.airgap.site import kill_group, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.airgap.site import Site

pytestmark = [pytest.mark.engine, pytest.mark.long]

PORT = 8503
HERE = f"127.0.0.1:{PORT}"
ADDRESS = f"http://{HERE}"
SERVER = f"""
import http.server
class Unavailable(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_error(503)
    do_HEAD = do_GET
    def log_message(self, *words): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", {PORT}), Unavailable)
print("ready", flush=True)
server.serve_forever()
"""


@contextmanager
def lacking(*kinds: str) -> Iterator[Site]:
    """Create a site with everything built except these kinds, and a registry that always returns 503."""
    images = (f"images/{image.name}" for image in catalogue.IMAGES)
    everything = ("engine", "registry-program", "trivy-database", *images)
    with site(*(kind for kind in everything if kind not in kinds)) as place:
        server = place.start(sys.executable, "-c", SERVER)
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        try:
            yield place
        finally:
            kill_group(server)


def apt_configuration(folder: Path) -> str:
    """Write a configuration of apt with only that registry; return the file's name."""
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "sources.list").write_text(
        f"deb [trusted=yes] {ADDRESS}/debian stable main\n", encoding="utf-8"
    )
    file = folder / "apt.conf"
    file.write_text(
        f'Dir::Etc::SourceList "{folder}/sources.list"; Dir::Etc::SourceParts "-";'
        f'Dir::State::Lists "{folder}/lists"; Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";',
        encoding="utf-8",
    )
    return str(file)


@pytest.mark.parametrize(
    ("kind", "step", "trouble", "source"),
    [
        ("registry-program", "registry-program", f"{HERE} answered 503", "/etc/apt/sources.list"),
        ("images/uv", "image-uv", HERE, "PIP_INDEX_URL"),
        ("images/actionlint", "actionlint-build", f"{HERE} answered 503", "GOPROXY"),
        # apt knows no address of Debian's here, so Debian's own is taken, which this namespace cannot reach.
        ("images/debian", "image-debian", "cannot be found", "/etc/apt/sources.list"),
    ],
)
def test_the_registry_that_fails_is_named(
    kind: str, step: str, trouble: str, source: str, tmp_path: Path
) -> None:
    with lacking(kind) as place:
        done = place.airgap(
            "up",
            APT_CONFIG=apt_configuration(tmp_path),
            PIP_INDEX_URL=f"{ADDRESS}/simple",
            GOPROXY=ADDRESS,
            GOMODCACHE=str(tmp_path / "modules"),
            GOFLAGS="-modcacherw",
        )
    assert done.code == 1
    assert f"{step}: failed" in done.stderr
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("airgap: error: ")]
    assert trouble in said
    hint = done.stderr.splitlines()[-1]
    assert hint.startswith("  next: ")
    assert source in hint
    assert "Traceback" not in done.stderr
