"""Keys of cosign, and cosign as its users run it: it judges what the program has signed."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "canary-key-9b1e"  # noqa: S105 - what must not be seen anywhere


@dataclass(frozen=True)
class Keys:
    """A pair that `cosign generate-key-pair` made, its password in a file beside it."""

    cosign: Path
    folder: Path

    @property
    def private(self) -> Path:
        return self.folder / "cosign.key"

    @property
    def public(self) -> Path:
        return self.folder / "cosign.pub"

    def signing(self) -> dict[str, Any]:
        """Return what a request to sign has in addition."""
        files = {"key_file": str(self.private), "password_file": str(self.folder / "password")}
        return {"cosign": str(self.cosign), "signing": files}

    def checking(self) -> dict[str, Any]:
        """Return what a request to check signatures has in addition."""
        return {"cosign": str(self.cosign), "signing": {"public_key_file": str(self.public)}}

    def verifies(self, reference: str, kind: str = "https://sigstore.dev/cosign/sign/v1") -> bool:
        """Whether cosign itself finds a statement of a kind about the reference that this key has signed."""
        key = ("--key", str(self.public), "--insecure-ignore-tlog")
        return self.run("verify-attestation", "--type", kind, *key, reference).returncode == 0

    def run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "COSIGN_PASSWORD": PASSWORD}
        command = [str(self.cosign), *words]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, check=False)


def make(cosign: Path, folder: Path) -> Keys:
    folder.mkdir()
    keys = Keys(cosign, folder)
    (folder / "password").write_text(PASSWORD + "\n")
    made = keys.run("generate-key-pair")
    assert made.returncode == 0, made.stderr
    return keys
