"""Run cosign with a local key: sign digests, and check signatures. It reaches no network."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ci.container_scripts.registry import attachments
from ci.errors import PipelineError
from ci.registry import referrers
from ci.registry.retrying import say
from ci.release import signatures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.registry.client import Client

__all__ = ["Cosign"]

# Signing, verifying and reading a key need no network, and none of them takes a second.
_SECONDS = 60.0


class Cosign:
    """One private key, or one public key to check by; safe to use from several threads.

    `password` opens the key; cosign reads it from its standard input, so it is in no variable.
    """

    def __init__(self, binary: str, folder: Path, client: Client) -> None:
        self._binary = binary
        self._folder = folder / "cosign"
        self._client = client
        self._environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self._folder)}
        self._private = ""
        self._public = ""
        self._password = b""
        self._folder.mkdir()
        self._made("trusted-root", "create", "--out", str(self._folder / "root.json"))

    def take_public(self, file: Path) -> None:
        """Check by this public key from now on."""
        signatures.check_public(file.read_text(errors="replace"))
        self._public = str(file)

    def take_private(self, file: Path, password: str) -> None:
        """Sign with this key from now on, and check by its public key; the key is tried."""
        self._private, self._password = str(file), password.encode()
        done = self._run("public-key", "--key", self._private)
        if done.returncode or not done.stdout:
            raise signatures.key_error(file.read_text(errors="replace"), done.stderr.decode(errors="replace"))
        public = self._folder / "cosign.pub"
        public.write_bytes(done.stdout)
        self.take_public(public)
        self._made("signing-config", "create", "--out", str(self._folder / "signing.json"))

    def sign(self, subject: str, statements: Sequence[bytes] = ()) -> bool:
        """Sign a digest, and statements about it, where there is no valid signature by this key.

        Returns whether the digest was signed.
        """
        there, _ = self._signed(subject)
        wanted = [signatures.statement(subject.partition("@")[2]), *statements]
        missing = [each for each in wanted if each not in there]
        if not missing:
            say(f"{subject} is signed already")
            return False
        made = [(self._bundle(each), signatures.BUNDLE) for each in missing]
        referrers.attach(self._client, subject, made)
        now, fault = self._signed(subject)
        if lost := sum(each not in now for each in wanted):
            raise PipelineError(
                "signing.signature-lost",
                f"{lost} of the {len(wanted)} signatures of {subject} have disappeared",
                details=fault,
                hint="check that no other run is writing to the same images, then run it again",
            )
        say(f"{subject} is signed, with {len(missing) - (wanted[0] in missing)} statements about it")
        return wanted[0] in missing

    def verify(self, subject: str) -> list[bytes]:
        """Return the signed statements about a digest; refuse one that is not signed by the public key."""
        there, fault = self._signed(subject)
        if not any(signatures.predicate(each) == signatures.PREDICATE for each in there):
            raise PipelineError(
                "signing.signature-invalid",
                f"{subject} has no valid signature by the key of --public-key",
                details=fault,
                hint="do not use this image, or pass the public key of the signer",
            )
        return there

    def _bundle(self, statement: bytes) -> bytes:
        """Return a statement signed by the key."""
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            file, bundle = Path(name, "statement.json"), Path(name, "bundle.json")
            file.write_bytes(statement)
            self._made(*signatures.sign(file, bundle, key=self._private, folder=self._folder))
            return bundle.read_bytes()

    def _signed(self, subject: str) -> tuple[list[bytes], str]:
        """Return the statements about a digest with a valid signature, and what is wrong with another."""
        repository, _, digest = subject.partition("@")
        there, fault = [], "no signature is attached"
        found = attachments.files(self._client, subject, {signatures.BUNDLE})
        for file in found.get(signatures.BUNDLE, []):
            content = self._client.blob(repository, file)
            statement = signatures.payload(content)
            if not (kind := signatures.predicate(statement)):
                continue
            with tempfile.NamedTemporaryFile(dir=self._folder) as bundle:
                bundle.write(content)
                bundle.flush()
                place = Path(bundle.name)
                done = self._run(
                    *signatures.verify(digest, place, key=self._public, kind=kind, folder=self._folder)
                )
            if done.returncode == 0:
                there.append(statement)
            else:
                fault = done.stderr.decode(errors="replace").strip()
        return there, fault

    def _made(self, *arguments: str) -> None:
        """Run cosign for a file that it writes."""
        done = self._run(*arguments)
        if done.returncode:
            raise PipelineError(
                "signing.cosign-failed",
                f"cosign {arguments[0]} ended with exit code {done.returncode}",
                details=done.stderr.decode(errors="replace"),
                hint="check that the pinned cosign is version 3",
            )

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [self._binary, *arguments],
            env=self._environment,
            input=self._password,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
