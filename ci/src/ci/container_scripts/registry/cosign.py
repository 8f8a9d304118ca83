"""Run cosign with a local key: sign digests where they are, and check signatures there."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from ci.container_scripts.registry.regctl import RegistryError, execute, persist, say
from ci.errors import PipelineError
from ci.release import retries, signatures

if TYPE_CHECKING:
    from pathlib import Path

    from ci.container_scripts.registry.regctl import Limits, Tried

__all__ = ["Cosign"]

Json = dict[str, Any]
# Creating its own files and reading a key: no network, and none of it takes a second.
_LOCAL_SECONDS = 60.0


class Cosign:
    """One private key, or one public key to check by; safe to use from several threads.

    `hosts` are the registries of regctl's configuration. `password` opens the
    key; cosign reads it from its standard input, so it is in no variable.
    """

    def __init__(self, binary: str, folder: Path, hosts: dict[str, Json], limits: Limits) -> None:
        self._binary = binary
        self._folder = folder / "cosign"
        self._hosts = hosts
        self._limits = limits
        self._environment = {**os.environ, "HOME": str(self._folder), "DOCKER_CONFIG": str(self._folder)}
        self._private = ""
        self._public = ""
        self._password = b""
        self._folder.mkdir()
        self._log_in()

    def take_public(self, file: Path) -> None:
        """Check by this public key from now on."""
        signatures.check_public(file.read_text(errors="replace"))
        self._public = str(file)

    def take_private(self, file: Path, password: str) -> None:
        """Sign with this key from now on, and check by its public key; it is tried, without a network."""
        self._private, self._password = str(file), password.encode()
        printed, said = self._local("public-key", "--key", self._private)
        if not printed:
            raise signatures.key_error(said)
        public = self._folder / "cosign.pub"
        public.write_text(printed)
        self.take_public(public)
        for name, kind in (("signing.json", "signing-config"), ("root.json", "trusted-root")):
            self._local(kind, "create", "--out", str(self._folder / name))

    def sign(self, subject: str) -> bool:
        """Sign a digest unless it has a signature by this key that is valid; return whether it was signed."""
        if not self._fault(subject):
            say(f"{subject} is signed already")
            return False
        reference, plain_http = self._reached(subject)
        self._call(
            *signatures.sign(reference, key=self._private, folder=self._folder, plain_http=plain_http),
            what=f"sign {subject}",
        )
        if fault := self._fault(subject):
            raise PipelineError(
                "signing.signature-lost",
                f"the signature of {subject} does not stay",
                details=fault,
                hint="see that no other run writes to the same images, then run it again",
            )
        say(f"{subject} is signed")
        return True

    def verify(self, subject: str) -> None:
        """Refuse a digest that has no valid signature by the public key."""
        if fault := self._fault(subject):
            raise PipelineError(
                "signing.signature-invalid",
                f"{subject} has no valid signature by the key of --public-key",
                details=fault,
                hint="do not use this image, or give the public key of who signed it",
            )

    def _fault(self, subject: str) -> str:
        """Return what is wrong with the signature of a digest, empty if nothing is."""
        reference, plain_http = self._reached(subject)
        arguments = signatures.verify(reference, key=self._public, plain_http=plain_http)
        try:
            self._call(*arguments, what=f"check the signature of {subject}")
        except RegistryError as error:
            if error.verdict is not retries.UNKNOWN:
                raise
            return error.details or "no signature"
        return ""

    def _call(self, *arguments: str, what: str) -> None:
        command = [self._binary, *arguments]

        def once() -> Tried:
            limit = self._limits.seconds
            verdict, output = execute(
                command, self._environment, limit, judge=signatures.judge, stdin=self._password
            )
            return verdict, signatures.words(output.decode(errors="replace")).encode()

        persist(once, what, self._limits)

    def _local(self, *arguments: str) -> tuple[str, str]:
        """Run what needs no registry; return what it prints, nothing if it failed, and what it says."""
        done = subprocess.run(
            [self._binary, *arguments],
            env=self._environment,
            input=self._password,
            capture_output=True,
            timeout=_LOCAL_SECONDS,
            check=False,
        )
        printed = done.stdout if done.returncode == 0 else b""
        return printed.decode(errors="replace"), done.stderr.decode(errors="replace")

    def _reached(self, subject: str) -> tuple[str, bool]:
        """Return a digest's reference by its registry's address from here, and whether that has no TLS."""
        host, _, rest = subject.partition("/")
        known = self._hosts[host]
        return f"{known['hostname']}/{rest}", known["tls"] == "disabled"

    def _log_in(self) -> None:
        """Write the credentials as Docker's clients read them."""
        auths = {
            host["hostname"]: {"auth": base64.b64encode(f"{host['user']}:{host['pass']}".encode()).decode()}
            for host in self._hosts.values()
            if "user" in host
        }
        file = os.open(self._folder / "config.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w") as config:
            json.dump({"auths": auths}, config)
