"""Start Debian's docker-registry on loopback, with a configuration of our own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

READY_WITHIN = 20.0  # seconds
OK, UNAUTHORIZED = 200, 401
PASSWORD = "canary-5f1d0c7e"  # noqa: S105 - alice's, where one is asked for; must not be seen anywhere


def find(variable: str, program: str, install: str) -> str:
    """Return a program's path; a missing one fails the test, because a skipped test proves nothing."""
    path = os.environ.get(variable) or shutil.which(program)
    if not path or not os.access(path, os.X_OK):
        msg = f"{program} is not here: {install}, or set {variable} to its path"
        raise RuntimeError(msg)
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Registry:
    """One registry process and its data; stopped and started again it has the same content and port."""

    folder: Path
    port: int = field(default_factory=free_port)
    auth: dict[str, Any] = field(default_factory=dict)
    read_only: bool = False
    # Size of a tmpfs for the data ("1m"), in a mount namespace that ends with the process; needs root.
    disk: str = ""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> Registry:
        self.folder.mkdir(exist_ok=True, parents=True)
        config = self.folder / "config.json"  # JSON is YAML
        config.write_text(json.dumps(self._config()))
        binary = find("DOCKER_REGISTRY", "docker-registry", "apt-get install docker-registry")
        command = [binary, "serve", str(config)]
        if self.disk:
            (self.folder / "data").mkdir(exist_ok=True)
            script = 'mount -t tmpfs -o size="$0" tmpfs "$1" && shift && exec "$@"'
            command = [
                *("unshare", "--mount", "--propagation", "private", "sh", "-c", script),
                *(self.disk, str(self.folder / "data"), *command),
            ]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + READY_WITHIN
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                msg = f"the registry did not come up:\n{(self.folder / 'log').read_text()[-2000:]}"
                raise RuntimeError(msg)
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def resize_disk(self, size: str) -> None:
        """Give the tmpfs another size, with the registry running on it."""
        if self._process is None:
            msg = "the registry does not run"
            raise RuntimeError(msg)
        enter = ["nsenter", "--mount", "--target", str(self._process.pid)]
        remount = ["mount", "-o", f"remount,size={size}", str(self.folder / "data")]
        subprocess.run([*enter, *remount], check=True)

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Ask the registry itself, by no client of ours."""
        request = urllib.request.Request(f"http://{self.host}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - loopback
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def tags(self, repository: str) -> dict[str, str]:
        """Return a repository's tags and the digests they point to."""
        status, body = self.get(f"/v2/{repository}/tags/list")
        names = (json.loads(body)["tags"] or []) if status == OK else []
        return {name: self.digest(repository, name) for name in sorted(names)}

    def digest(self, repository: str, reference: str) -> str:
        """Return the digest behind a tag or digest, empty if there is none."""
        types = ", ".join(
            f"application/vnd.{kind}+json"
            for kind in ("oci.image.manifest.v1", "oci.image.index.v1", "docker.distribution.manifest.v2")
        )
        request = urllib.request.Request(
            f"http://{self.host}/v2/{repository}/manifests/{reference}",
            headers={"Accept": types},
            method="HEAD",
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - loopback
                return str(response.headers["Docker-Content-Digest"])
        except urllib.error.HTTPError as error:
            error.close()
            return ""

    def _answers(self) -> bool:
        try:
            status, _ = self.get("/v2/")
        except OSError:
            return False
        return status in {OK, UNAUTHORIZED}

    def _config(self) -> dict[str, Any]:
        storage: dict[str, Any] = {
            "filesystem": {"rootdirectory": str(self.folder / "data")},
            "maintenance": {"readonly": {"enabled": self.read_only}},
        }
        return {
            "version": 0.1,
            "log": {"level": "info"},
            "storage": storage,
            "http": {"addr": self.host},
            **({"auth": self.auth} if self.auth else {}),
        }


def guarded_by_password(folder: Path) -> Registry:
    """Return a registry that wants alice's password, not started yet."""
    folder.mkdir()
    htpasswd = find("HTPASSWD", "htpasswd", "apt-get install apache2-utils")
    made = subprocess.run([htpasswd, "-nbB", "alice", PASSWORD], capture_output=True, text=True, check=True)
    (folder / "htpasswd").write_text(made.stdout)
    return Registry(folder, auth={"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}})
