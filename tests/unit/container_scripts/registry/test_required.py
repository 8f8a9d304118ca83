"""Evidence that is attached to an image, and what requires it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ci.container_scripts.registry import attachments
from ci.evidence import claims, statement
from ci.evidence.claims import Claim
from ci.evidence.statement import Run
from ci.registry import referrers
from ci.registry.client import Client
from ci.registry.digests import MANIFEST
from ci.registry.hosts import Endpoint
from ci.registry.retrying import Limits
from tests.raised import raises
from tests.unit.registry.fake import Fake, digest_of

IMAGE = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": []}).encode()
TESTED = "sha256:" + "1" * 64


def attached(client: Client, subject: str, gate: str, digest: str) -> None:
    """Attach a statement that a gate passed for a digest."""
    run = Run("", "linux/amd64", datetime.now(UTC), 1.0)
    about = statement.released(Claim(gate, "web", {"web": TESTED}, {}), run, "web")
    text = statement.about(about, {"web": digest})
    referrers.attach(client, subject, [(text.encode(), statement.MEDIA_TYPE)])


@pytest.mark.parametrize("gates", [[], ["unit"], ["unit", "scan"]])
def test_gates_with_a_statement_about_the_image_are_there(gates: list[str]) -> None:
    with Fake() as fake, Client([Endpoint(fake.host, plain_http=True)], Limits(tries=1)) as client:
        subject = f"{fake.host}/team/web@{digest_of(IMAGE)}"
        client.put_manifest(subject, IMAGE)
        for gate in (claims.UNIT, claims.SCAN):
            attached(client, subject, gate, digest_of(IMAGE))
        attachments.require(client, subject, gates, None)


def test_a_statement_about_another_image_or_gate_is_none() -> None:
    with Fake() as fake, Client([Endpoint(fake.host, plain_http=True)], Limits(tries=1)) as client:
        subject = f"{fake.host}/team/web@{digest_of(IMAGE)}"
        client.put_manifest(subject, IMAGE)
        attached(client, subject, claims.UNIT, TESTED)
        attached(client, subject, claims.SCAN, digest_of(IMAGE))
        referrers.attach(client, subject, [(b"{}", statement.MEDIA_TYPE)])
        with raises("verify.evidence-missing", subject, "unit, integration"):
            attachments.require(client, subject, [claims.UNIT, claims.SCAN, claims.INTEGRATION], None)


def test_where_signatures_are_checked_only_a_signed_statement_counts() -> None:
    with Fake() as fake, Client([Endpoint(fake.host, plain_http=True)], Limits(tries=1)) as client:
        subject = f"{fake.host}/team/web@{digest_of(IMAGE)}"
        client.put_manifest(subject, IMAGE)
        attached(client, subject, claims.UNIT, digest_of(IMAGE))
        with raises("verify.evidence-missing", subject, "signed", "unit"):
            attachments.require(client, subject, [claims.UNIT], [b"\xff", b"{}"])
