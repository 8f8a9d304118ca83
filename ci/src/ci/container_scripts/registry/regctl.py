"""Run regctl: under a time limit, again where that helps, and every failure a sentence."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.release import retries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["Limits", "Regctl", "RegistryError", "digest_of", "execute", "media_type", "persist", "say"]

# What one try of a call came to: a verdict if it failed, and its output.
Tried = tuple[retries.Verdict | None, bytes]

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_UNREADABLE = "500"
_SHOWN = 4  # lines of regctl's own words


class RegistryError(PipelineError):
    """A call that failed for good; `verdict` says how."""

    def __init__(self, what: str, verdict: retries.Verdict, details: str) -> None:
        super().__init__(verdict.code, f"{what}: {verdict.reason}", details=details, hint=verdict.hint)
        self.verdict = verdict


@dataclass(frozen=True)
class Limits:
    """How long to wait: `seconds` for a call, and as long again as its bytes need.

    `bytes_per_second` is the slowest network that is waited for; `tries` is how
    often at most, `pace` multiplies the delays between them.
    """

    seconds: float = 30.0
    bytes_per_second: float = 250_000.0
    tries: int = len(retries.DELAYS) + 1
    pace: float = 1.0


def say(text: str) -> None:
    """Tell what happens while it does."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def digest_of(content: bytes) -> str:
    """Return the digest of some bytes as registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def media_type(manifest: bytes) -> str:
    """Return a manifest's media type; OCI allows to leave it out."""
    data: dict[str, Any] = json.loads(manifest)
    return str(data.get("mediaType") or OCI_MANIFEST)


def execute(
    command: list[str],
    environment: Mapping[str, str],
    limit: float,
    *,
    judge: Callable[[str], retries.Verdict],
    stdin: IO[bytes] | bytes = b"",
) -> Tried:
    """Run a program that talks to a registry, for `limit` seconds at most.

    Returns no verdict and what it prints, or the verdict on its error output and that.
    """
    fed: dict[str, Any] = {"input" if isinstance(stdin, bytes) else "stdin": stdin}
    try:
        done = subprocess.run(
            command,
            **fed,
            env=environment,
            capture_output=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return retries.silent(limit), b""
    if done.returncode == 0:
        return None, done.stdout
    return judge(done.stderr.decode(errors="replace")), done.stderr


def persist(once: Callable[[], Tried], what: str, limits: Limits) -> bytes:
    """Try again where the verdict says that it helps; return what is printed in the end.

    `what` names the deed in errors. Raises RegistryError for what fails for good.
    """
    again = 0
    while True:
        verdict, output = once()
        if verdict is None:
            return output
        delays = verdict.delays[: limits.tries - 1]
        if again >= len(delays):
            raise RegistryError(what, verdict, _words(output))
        delay = delays[again] * limits.pace
        again += 1
        say(f"{what}: {verdict.reason}; trying again in {delay:g} s ({again} of {len(delays)})")
        time.sleep(delay)


def _words(output: bytes) -> str:
    """Return regctl's last words, without the log lines that say the same before."""
    lines = [line for line in output.decode(errors="replace").splitlines() if not line.startswith("time=")]
    return "\n".join(lines[-_SHOWN:]).strip()


class Regctl:
    """One configuration of regctl; safe to use from several threads."""

    def __init__(self, binary: str, folder: Path, limits: Limits) -> None:
        self._binary = binary
        self._limits = limits
        self._environment = {
            **os.environ,
            "HOME": str(folder),
            "REGCTL_CONFIG": str(folder / "config.json"),
        }

    def tags(self, repository: str) -> tuple[str, ...]:
        """Return a repository's tags; none if it does not exist."""
        found = self._find("tag", "ls", repository, what=f"list the tags of {repository}")
        return tuple((found or b"").decode().split())

    def manifest(self, reference: str) -> bytes | None:
        """Return a manifest's bytes as stored, or `None`; bytes of another digest are an error."""
        expected = reference.partition("@")[2]
        found = self._find(
            *("manifest", "get", reference, "--format", "raw-body"),
            what=f"read {reference}",
            by_digest=bool(expected),
        )
        if found is not None and expected and digest_of(found) != expected:
            raise PipelineError(
                "registry.wrong-content",
                f"read {reference}: the registry gave {digest_of(found)}",
                hint="do not use this registry until that is explained",
            )
        return found

    def has_blob(self, repository: str, digest: str) -> bool:
        """Tell whether a blob is in a repository and can be read."""
        what = f"look for {digest} in {repository}"
        return self._find("blob", "head", repository, digest, what=what, by_digest=True) is not None

    def blob(self, repository: str, digest: str) -> bytes:
        """Return a (small) blob."""
        return self.call("blob", "get", repository, digest, what=f"read {digest} of {repository}")

    def put_blob(self, repository: str, digest: str, file: Path) -> None:
        """Upload one blob."""
        what = f"upload {digest} to {repository}"
        with file.open("rb") as stdin:
            size = file.stat().st_size
            self.call("blob", "put", repository, "--digest", digest, what=what, stdin=stdin, size=size)

    def mount(self, source: str, repository: str, digest: str, size: int) -> None:
        """Make a blob of one repository be in another of the same registry, without sending it."""
        what = f"mount {digest} of {source} in {repository}"
        self.call("blob", "copy", source, repository, digest, what=what, size=size)

    def copy(self, source: str, target: str, *options: str, size: int) -> None:
        """Copy an image between registries or from a layout; regctl refuses another digest."""
        self.call("image", "copy", *options, source, target, what=f"push {target}", size=size)

    def put_manifest(self, reference: str, content: bytes) -> None:
        """Put a manifest under a tag: one request, the shortest way to move one."""
        kind = media_type(content)
        with tempfile.TemporaryFile() as stdin:
            stdin.write(content)
            self.call(
                "manifest", "put", "--content-type", kind, reference, what=f"tag {reference}", stdin=stdin
            )

    def attach(self, subject: str, file: Path, kind: str) -> str:
        """Attach a file to a digest; return the digest of the manifest that holds it."""
        printed = self.call(
            *("artifact", "put", "--artifact-type", kind, "--file-media-type", kind, "--file", str(file)),
            *("--subject", subject, "--format", "{{ .Manifest.GetDescriptor.Digest }}"),
            what=f"attach {kind} to {subject}",
            size=file.stat().st_size,
        )
        return printed.decode().strip()

    def referrers(self, subject: str) -> list[dict[str, Any]]:
        """Return the descriptors of what is attached to a digest."""
        printed = self.call(
            "artifact",
            "list",
            subject,
            "--format",
            "{{ json . }}",
            what=f"list what is attached to {subject}",
        )
        data: Mapping[str, Any] = json.loads(printed)
        return list(data.get("descriptors") or [])

    def call(self, *arguments: str, what: str, stdin: IO[bytes] | None = None, size: int = 0) -> bytes:
        """Run regctl and return what it prints; `what` names the deed in errors."""
        limit = self._limits.seconds + size / self._limits.bytes_per_second
        return persist(lambda: self._once(arguments, stdin, limit), what, self._limits)

    def _find(self, *arguments: str, what: str, by_digest: bool = False) -> bytes | None:
        """Return what a call prints, `None` if the registry does not have it.

        A registry whose disk was full may keep an entry that it cannot read, and answers 500 for it
        until it is sent again. A digest says what is sent, a tag does not: only the former is taken so.
        """
        try:
            return self.call(*arguments, what=what)
        except RegistryError as error:
            if error.verdict is retries.ABSENT:
                return None
            if by_digest and error.verdict.status == _UNREADABLE:
                say(f"{what}: the registry cannot read it; it is sent again")
                return None
            raise

    def _once(self, arguments: tuple[str, ...], stdin: IO[bytes] | None, limit: float) -> Tried:
        if stdin is not None:
            stdin.seek(0)
        command = [self._binary, *arguments]
        return execute(command, self._environment, limit, judge=retries.judge, stdin=stdin or b"")
