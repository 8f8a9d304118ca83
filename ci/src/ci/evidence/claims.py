"""Describe what a gate's result depends on, and the key that this gives."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from ci.container_scripts import FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BUILD",
    "CONTENTS",
    "GATES",
    "INTEGRATION",
    "POSTURE",
    "SCAN",
    "TYPES",
    "UNIT",
    "Claim",
    "code_digest",
    "digest",
]

BUILD, CONTENTS, POSTURE, UNIT, SCAN, INTEGRATION = (
    *("build", "contents", "posture"),
    *("unit", "scan", "integration"),
)
# https://github.com/in-toto/attestation/tree/main/spec/predicates
TYPES = {
    BUILD: "https://slsa.dev/provenance/v1",
    CONTENTS: "https://in-toto.io/attestation/link/v0.3",
    POSTURE: "https://in-toto.io/attestation/svr/v0.1",
    UNIT: "https://in-toto.io/attestation/test-result/v0.1",
    SCAN: "https://in-toto.io/attestation/vulns/v0.2",
    INTEGRATION: "https://in-toto.io/attestation/test-result/v0.1",
}
# What verify can require, and a release attaches.
GATES = (UNIT, POSTURE, SCAN, INTEGRATION)
_CODE = "ci"


@dataclass(frozen=True)
class Claim:
    """That a gate passes: `name` is what it is about, `subjects` are images by name, as digests.

    `given` is everything else that the result depends on: a digest by name.
    """

    gate: str
    name: str
    subjects: Mapping[str, str]
    given: Mapping[str, str]

    @property
    def key(self) -> str:
        """The tag that the evidence has: equal only if everything is equal."""
        depends = json.dumps([self.gate, self.name, dict(self.subjects), self.all_given], sort_keys=True)
        return f"{self.gate}-{sha256(depends.encode()).hexdigest()}"

    @property
    def all_given(self) -> dict[str, str]:
        """What the result depends on, with this module's own code."""
        return {_CODE: code_digest(), **self.given}

    @property
    def title(self) -> str:
        """The gate and what it is about, for people."""
        return f"{self.gate} {self.name}"


def digest(value: object) -> str:
    """Return the digest of a JSON value, or of a text."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return f"sha256:{sha256(text.encode()).hexdigest()}"


@cache
def code_digest() -> str:
    """Return the digest of this module's own source, which names the versions of all tools as well."""
    package = FOLDER.parent
    whole = sha256()
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            content = path.read_bytes()
            whole.update(f"{path.relative_to(package)} {len(content)}\n".encode() + content)
    return f"sha256:{whole.hexdigest()}"
