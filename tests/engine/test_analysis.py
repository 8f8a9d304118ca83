"""The analysis of images by Trivy itself, on this machine: secrets, Java archives and a new database."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from ci.container_scripts import trivy_image, trivy_process
from ci.scan import parse
from tests.engine.image_layouts import jar, metadata, pack
from tests.engine.trivy_database import MAVEN, PIP, write

if TYPE_CHECKING:
    from pathlib import Path

    from ci.scan.findings import Scan

pytestmark = pytest.mark.engine

BODY = "MIIEowIBAAKCAQEAq3Zx8vQ2mT5r\n" * 9
KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}-----END RSA PRIVATE KEY-----\n"
PUBLIC = KEY.replace("PRIVATE", "PUBLIC")
HEADERS = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A\n\n"
TOKEN = "ghp_" + "Zx8vQ2mT5rLk9WcB4nYd7HsJ3fGa6PuE1oXi"
# Made up for this test. A rule's id, a file that breaks it, and one that only looks like it.
SECRETS: list[tuple[str, str, str, str, str]] = [
    ("private-key", "app/key.pem", KEY, "app/parser.py", 'START = "-----BEGIN RSA PRIVATE KEY-----"'),
    (
        "private-key",
        "app/key.json",
        json.dumps({"key": KEY}),
        "app/cert.json",
        json.dumps({"certificate": BODY}),
    ),
    ("private-key", "app/one", KEY.replace("\n", "\\n"), "app/public", KEY.replace("PRIVATE", "PUBLIC")),
    (
        "encrypted-private-key",
        "app/locked.pem",
        KEY.replace("MII", f"{HEADERS}MII", 1),
        "app/mail",
        f"Proc-Type is a header\n{HEADERS}",
    ),
    (
        "encoded-private-key",
        "root/.kube/config",
        f"client-key-data: {base64.b64encode(KEY.encode()).decode()}",
        "root/.kube/other",
        f"certificate-authority-data: {base64.b64encode(PUBLIC.encode()).decode()}",
    ),
    (
        "encoded-private-key",
        "app/lines",
        base64.encodebytes(KEY.encode()).decode(),
        "app/short",
        "LS0tLS1CRUdJTi",
    ),
    (
        "netrc-password",
        "root/.netrc",
        "machine x login me password s3cretvalue\n",
        "app/netrc.md",
        "password s3cretvalue",
    ),
    (
        "git-credentials",
        "root/.git-credentials",
        "https://me:tok3nvalue99@git.invalid\n",
        "srv/.git/config",
        "url = https://git.invalid/a:b\n",
    ),
    (
        "npm-auth-token",
        "root/.npmrc",
        "//npm.invalid/:_authToken=abcdef0123456789abcdef\n",
        "srv/.npmrc",
        "//npm.invalid/:_authToken=${NPM_TOKEN}\n",
    ),
    (
        "pypirc-password",
        "root/.pypirc",
        "[pypi]\npassword = hunter2hunter2\n",
        "srv/.pypirc",
        "[pypi]\nusername = x\n",
    ),
    (
        "registry-credentials",
        "root/.docker/config.json",
        '{"auths": {"x": {"auth": "dXNlcjpwYXNzd29yZDEyMzQ="}}}',
        "srv/.docker/config.json",
        '{"auths": {}, "credsStore": "pass"}',
    ),
    ("htpasswd", "app/.htpasswd", "me:$apr1$abcdefgh$abcdefghijklmnopqrstu1\n", "srv/.htpasswd", "# none\n"),
    (
        "env-file-secret",
        "app/.env",
        "export DB_PASSWORD='correcthorse1'\n",
        "srv/.env",
        "A=b\nDB_PASSWORD=${FROM_ELSEWHERE}\nMAX_TOKENS=4096\n",
    ),
    (
        "env-file-secret",
        "app/.env.local",
        "API_KEY=0123456789ab\n",
        "app/.env.example",
        "API_KEY=your-key-here\n",
    ),
]
BRIDGE = jar({"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\nImplementation-Title: bridge\n"})
COORDINATES = "groupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion=2.14.1\n"
LOG4J = jar({"META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties": COORDINATES})
DATABASE = {
    MAVEN: {
        "org.apache.logging.log4j:log4j-core": {"CVE-2021-44228": ("<2.15.0", "2.15.0")},
        "org.example:bridge": {"CVE-2000-1": ("<2", "2")},
    },
    PIP: {"certifi": {"CVE-2023-37920": ("<2023.7.22", "2023.7.22")}},
}


def analyze(trivy: Path, folder: Path, *layers: dict[str, bytes], **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Pack and analyze an image, and return the outcome."""
    folder.mkdir(exist_ok=True, parents=True)
    pack(folder / "image.tar", *layers, settings=more.get("settings"))
    trivy_image.analyze(str(trivy), folder / "image.tar", folder, 60, more.get("earlier"))
    outcome: dict[str, Any] = json.loads((folder / "outcome.json").read_text())
    return outcome


def judged(trivy: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Scan:
    """Judge the analysis against the database of this test."""
    write(folder / "db", DATABASE, "2026-01-01T00:00:00Z")
    monkeypatch.setattr(trivy_image, "DATABASE", folder / "db")
    trivy_image.judge(str(trivy), folder / "analysis", folder / "out", 60, "-", [])
    outcome = json.loads((folder / "out/outcome.json").read_text())
    return parse.read((folder / "out/trivy.json").read_text(), outcome["exit_code"], where="test")


def test_each_rule_for_secrets_finds_one_and_not_what_only_looks_like_it(trivy: Path, tmp_path: Path) -> None:
    secret = {path: text.encode() for _, path, text, _, _ in SECRETS}
    other = {path: text.encode() for *_, path, text in SECRETS}
    deleted = {"app/.wh.key.pem": b""}
    analyze(trivy, tmp_path, {"etc/x": b"1"}, {**secret, **other}, deleted, settings={"Env": [f"X={TOKEN}"]})
    report = json.loads((tmp_path / "secrets.json").read_text())
    found = {(each["RuleID"], result["Target"]) for result in report["Results"] for each in result["Secrets"]}
    assert found == {(rule, f"/{path}") for rule, path, *_ in SECRETS} | {("github-pat", "(config)")}


def test_archives_are_known_by_what_is_in_them_without_a_java_database(
    trivy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = analyze(trivy, tmp_path, {"opt/log.jar": LOG4J, "opt/bridge.jar": BRIDGE, "opt/x.zip": BRIDGE})
    assert outcome == {"archives": ["opt/bridge.jar", "opt/log.jar"], "unread": ["opt/bridge.jar"]}
    (found,) = judged(trivy, tmp_path, monkeypatch).findings
    assert (found.id, found.place) == ("CVE-2021-44228", "opt/log.jar")


def test_a_java_database_knows_the_others_too(
    trivy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "java-db"
    java.mkdir()
    database = sqlite3.connect(java / "trivy-java.db")
    database.execute("CREATE TABLE artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT)")
    database.execute("CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT)")
    digest = hashlib.sha1(BRIDGE, usedforsecurity=False).digest()
    database.execute("INSERT INTO artifacts VALUES (1, 'org.example', 'bridge')")
    database.execute("INSERT INTO indices VALUES (1, '1.0', ?, 'jar')", (digest,))
    database.commit()
    database.close()
    (java / "metadata.json").write_text('{"Version": 1}')
    monkeypatch.setattr(trivy_image, "JAVA_DATABASE", java)
    assert analyze(trivy, tmp_path, {"opt/bridge.jar": BRIDGE})["unread"] == []
    assert {each.id for each in judged(trivy, tmp_path, monkeypatch).findings} == {"CVE-2000-1"}


def test_an_archive_of_the_base_is_named_for_the_image_that_is_built_on_it(
    trivy: Path, tmp_path: Path
) -> None:
    base = {"opt/bridge.jar": BRIDGE}
    analyze(trivy, tmp_path / "base", base)
    outcome = analyze(trivy, tmp_path / "image", base, {"app/x": b"1"}, earlier=tmp_path / "base/analysis")
    assert outcome["unread"] == ["opt/bridge.jar"]


def test_a_new_database_is_applied_to_the_analysis_without_the_layers(
    trivy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = "opt/app/certifi-2022.12.7.dist-info/METADATA"
    analyze(
        trivy, tmp_path, {"etc/x": b"1"}, {place: metadata("certifi", "2022.12.7"), "app/key": KEY.encode()}
    )
    (tmp_path / "image.tar").unlink()
    scan = judged(trivy, tmp_path, monkeypatch)
    assert {(each.id, each.layer) for each in scan.findings} == {("CVE-2023-37920", 1), ("private-key", 1)}
    assert scan.instructions == ("COPY layer-0", "COPY layer-1")
    monkeypatch.setitem(DATABASE, PIP, {})
    assert [each.id for each in judged(trivy, tmp_path, monkeypatch).findings] == ["private-key"]


def test_a_trivy_that_fails_for_another_reason_than_archives_is_a_failure(
    trivy: Path, tmp_path: Path
) -> None:
    pack(tmp_path / "image.tar", {"a": b"1"})
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    (earlier / "fanal.db").write_bytes(b"not a cache")
    with pytest.raises(trivy_process.FailedError):
        trivy_image.analyze(str(trivy), tmp_path / "image.tar", tmp_path, 60, earlier)
