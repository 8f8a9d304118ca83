"""What a user or an attacker does to a registry, by HTTP and with no code of what is tested."""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = b"{}"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def send(
    method: str, url: str, content: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=content, headers=named, method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - loopback
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def get_manifest(host: str, repository: str, reference: str) -> bytes:
    """Return a manifest, nothing if it is not there."""
    url = f"http://{host}/v2/{repository}/manifests/{reference}"
    status, _, body = send("GET", url, Accept=f"{MANIFEST}, {INDEX}")
    return body if status == 200 else b""


def get_blob(host: str, repository: str, digest: str) -> bytes:
    return send("GET", f"http://{host}/v2/{repository}/blobs/{digest}")[2]


def put_manifest(host: str, repository: str, reference: str, content: bytes) -> None:
    url = f"http://{host}/v2/{repository}/manifests/{reference}"
    kind = json.loads(content)["mediaType"]
    status, _, body = send("PUT", url, content, Content_Type=kind)
    assert status == 201, body


def put_blob(host: str, repository: str, content: bytes) -> dict[str, Any]:
    """Upload a blob; return its descriptor."""
    status, headers, body = send("POST", f"http://{host}/v2/{repository}/blobs/uploads/", b"")
    assert status == 202, body
    place = headers["Location"]
    digest = digest_of(content)
    url = f"{place}{'&' if '?' in place else '?'}{urllib.parse.urlencode({'digest': digest})}"
    status, _, body = send("PUT", url, content, Content_Type="application/octet-stream")
    assert status == 201, body
    return {"digest": digest, "size": len(content)}


def attach(host: str, repository: str, digest: str, content: bytes, kind: str) -> None:
    """Attach a file to a digest, in the list under a tag, as in a registry without a referrers API."""
    subject = get_manifest(host, repository, digest)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": kind,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", **put_blob(host, repository, EMPTY)},
        "layers": [{"mediaType": kind, **put_blob(host, repository, content)}],
        "subject": {"mediaType": MANIFEST, "digest": digest, "size": len(subject)},
    }
    text = json.dumps(manifest).encode()
    put_manifest(host, repository, digest_of(text), text)
    tag = digest.replace(":", "-")
    index = json.loads(get_manifest(host, repository, tag) or b'{"manifests": []}')
    entry = {"mediaType": MANIFEST, "digest": digest_of(text), "size": len(text), "artifactType": kind}
    listed = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*index["manifests"], entry]}
    put_manifest(host, repository, tag, json.dumps(listed).encode())


def attached(host: str, repository: str, digest: str, kind: str) -> list[bytes]:
    """Return the files of a type that are attached to a digest."""
    index = json.loads(get_manifest(host, repository, digest.replace(":", "-")) or b'{"manifests": []}')
    manifests = [
        json.loads(get_manifest(host, repository, entry["digest"]))
        for entry in index["manifests"]
        if entry["artifactType"] == kind
    ]
    return [get_blob(host, repository, manifest["layers"][0]["digest"]) for manifest in manifests]


def copy(host: str, repository: str, digest: str, target: str, tag: str) -> None:
    """Copy an image to another repository of the registry, without what is attached."""
    manifest = get_manifest(host, repository, digest)
    data = json.loads(manifest)
    for blob in (data["config"], *data["layers"]):
        put_blob(host, target, get_blob(host, repository, blob["digest"]))
    put_manifest(host, target, tag, manifest)
