"""Run the server until SIGTERM or SIGINT: `python3 -m qdrant_standin`.

QDRANT__SERVICE__HOST (0.0.0.0), QDRANT__SERVICE__HTTP_PORT (6333; 0 = a free one, told at the start) and
QDRANT__STORAGE__STORAGE_PATH (/qdrant/storage) are those of Qdrant's own configuration.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from . import TITLE, VERSION
from .errors import ApiError
from .server import Server
from .store import Store


def main() -> int:
    """Return the exit code."""
    host = os.environ.get("QDRANT__SERVICE__HOST", "0.0.0.0")  # noqa: S104 - a container's port is published on purpose
    port = os.environ.get("QDRANT__SERVICE__HTTP_PORT", "6333")
    folder = Path(os.environ.get("QDRANT__STORAGE__STORAGE_PATH", "/qdrant/storage"))
    if not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004 - the last port
        return _refuse(f"QDRANT__SERVICE__HTTP_PORT={port!r} is not a port")
    store = Store(folder)
    try:
        store.open()
        server = Server((host, int(port)), store)
    except (OSError, ApiError) as error:
        return _refuse(str(error))
    for signum in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for serve_forever(), which runs in this very thread.
        signal.signal(signum, lambda *_: threading.Thread(target=server.shutdown).start())
    with server:
        print(f"{TITLE} {VERSION}: http://{host}:{server.server_port}, storage {folder}", flush=True)
        server.serve_forever()
    store.close()
    return 0


def _refuse(why: str) -> int:
    print(f"qdrant stand-in: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
