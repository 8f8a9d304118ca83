"""Run nginx with its default limits in front of a registry: it takes bodies of 1 MiB."""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.release.registry import READY_WITHIN, find, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONFIG = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_set_header Host $http_host;
            {more}
        }}
    }}
}}
"""


@contextmanager
def nginx(upstream: int, folder: Path, more: str = "") -> Iterator[int]:
    """Start it before the registry on a port; give its own. `more` are further directives of the location."""
    folder.mkdir(parents=True)
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, upstream=upstream, more=more))
    binary = find("NGINX_PROGRAM", "nginx", "apt-get install nginx-light")
    running = subprocess.Popen([binary, "-c", config, "-p", folder, "-e", folder / "error.log"])
    try:
        deadline = time.monotonic() + READY_WITHIN
        while not (folder / "pid").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        yield port
    finally:
        running.terminate()
        running.wait()
