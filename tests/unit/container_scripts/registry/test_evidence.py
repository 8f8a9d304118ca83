"""Statements with outputs in a repository, read and written over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ci.container_scripts.registry import evidence, gateway
from ci.registry.client import Client
from ci.registry.hosts import Endpoint
from ci.registry.retrying import Limits
from tests.unit.registry.fake import Fake, Reply, Seen, digest_of

if TYPE_CHECKING:
    from pathlib import Path

STATEMENT = json.dumps({"predicateType": "https://example.com/v1"})
KEY = "unit-1"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "output"
    (folder / "logs").mkdir(parents=True)
    (folder / "junit.xml").write_text("<testsuites/>")
    (folder / "logs" / "web.log").write_text("started\n")
    return folder


def connected(fake: Fake) -> Client:
    return Client([Endpoint(fake.host, plain_http=True)], Limits(seconds=2.0, tries=1, pace=0.01))


def written(client: Client, fake: Fake, output: Path, key: str = KEY) -> dict[str, Any]:
    entry = {"key": key, "statement": STATEMENT, "folder": str(output)}
    return evidence.put(client, {"repository": f"{fake.host}/team/evidence", "entries": [entry]}, limit=2)


def found(client: Client, fake: Fake, folder: Path, *keys: str) -> dict[str, Any]:
    request = {"repository": f"{fake.host}/team/evidence", "keys": list(keys)}
    return evidence.find(client, request, folder, limit=2)


def test_what_was_written_is_found(output: Path, tmp_path: Path) -> None:
    with Fake() as fake, connected(fake) as client:
        assert written(client, fake, output) == {"problems": []}
        answer = found(client, fake, tmp_path / "found", KEY, "unit-2")
    assert answer == {"statements": {KEY: STATEMENT}, "problems": []}
    assert (tmp_path / "found" / KEY / "junit.xml").read_text() == "<testsuites/>"
    assert (tmp_path / "found" / KEY / "logs" / "web.log").read_text() == "started\n"


def test_equal_output_is_stored_once(output: Path) -> None:
    with Fake() as fake, connected(fake) as client:
        written(client, fake, output, "unit-1")
        before = len(fake.blobs["team/evidence"])
        (output / "junit.xml").touch()
        written(client, fake, output, "unit-2")
        assert len(fake.blobs["team/evidence"]) == before


def damage(content: bytes, fake: Fake) -> None:
    """Put another manifest under the key."""
    with connected(fake) as client:
        client.put_manifest(f"{fake.host}/team/evidence:{KEY}", content)


@pytest.mark.parametrize(
    "manifest",
    [
        {"layers": []},
        {"layers": [{"mediaType": evidence.STATEMENT, "digest": digest_of(STATEMENT.encode()), "size": 1}]},
        {},
    ],
)
def test_what_is_damaged_is_reported_and_proves_nothing(
    manifest: dict[str, Any], output: Path, tmp_path: Path
) -> None:
    with Fake() as fake, connected(fake) as client:
        written(client, fake, output)
        damage(json.dumps({"schemaVersion": 2, **manifest}).encode(), fake)
        answer = found(client, fake, tmp_path / "found", KEY)
    assert answer["statements"] == {}
    assert len(answer["problems"]) == 1


def test_an_output_that_is_no_archive_proves_nothing(output: Path, tmp_path: Path) -> None:
    with Fake() as fake, connected(fake) as client:
        written(client, fake, output)
        manifest = json.loads(client.manifest(f"{fake.host}/team/evidence:{KEY}") or b"")
        manifest["layers"][1] |= {"digest": manifest["layers"][0]["digest"]}
        damage(json.dumps(manifest).encode(), fake)
        answer = found(client, fake, tmp_path / "found", KEY)
    assert answer["statements"] == {}
    assert len(answer["problems"]) == 1


def test_an_output_that_is_too_large_is_refused_before_it_is_read(output: Path, tmp_path: Path) -> None:
    with Fake() as fake, connected(fake) as client:
        written(client, fake, output)
        manifest = json.loads(client.manifest(f"{fake.host}/team/evidence:{KEY}") or b"")
        manifest["layers"][1]["size"] = evidence.LARGEST + 1
        damage(json.dumps(manifest).encode(), fake)
        answer = found(client, fake, tmp_path / "found", KEY)
        read = [seen for seen in fake.seen if seen.is_a("GET", manifest["layers"][1]["digest"])]
    assert (answer["statements"], read) == ({}, [])


def test_an_output_that_is_too_large_is_not_written(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "LARGEST", 10)
    with Fake() as fake, connected(fake) as client:
        (problem,) = written(client, fake, output)["problems"]
    assert problem.startswith("not written: unit-1: its output has ")


def refused(_: Seen) -> Reply:
    return Reply(403, b'{"errors":[{"code":"DENIED","message":"no"}]}')


def test_a_registry_that_refuses_is_a_problem_and_no_error(output: Path, tmp_path: Path) -> None:
    with Fake() as fake, connected(fake) as client:
        fake.rule = refused
        assert len(written(client, fake, output)["problems"]) == 1
        answer = found(client, fake, tmp_path / "found", KEY)
    assert (answer["statements"], len(answer["problems"])) == ({}, 1)


def test_durations_are_added_to_those_that_are_there() -> None:
    with Fake() as fake, connected(fake) as client:
        repository = {"repository": f"{fake.host}/team/evidence"}
        assert evidence.run(client, {**repository, "durations": True}, limit=1) == {"durations": {}}
        for times in ({"unit web": 3.0, "scan web": 1.0}, {"unit web": 4.0}):
            evidence.put(client, {**repository, "entries": [], "times": times}, limit=1)
        there = evidence.run(client, {**repository, "durations": True}, limit=1)
        client.put_manifest(f"{fake.host}/team/evidence:durations", b"{}")
        damaged = evidence.run(client, {**repository, "durations": True}, limit=1)
    assert there == {"durations": {"unit web": 4.0, "scan web": 1.0}}
    assert damaged == {"durations": {}}


def test_what_was_proven_beside_a_key_is_found_with_it(output: Path, tmp_path: Path) -> None:
    build, unit, gone = (f"{gate}-{'1' * 64}" for gate in ("build", "unit", "scan"))
    with Fake() as fake, connected(fake) as client:
        repository = {"repository": f"{fake.host}/team/evidence"}
        for key in (build, unit):
            written(client, fake, output, key)
        beside = {build: {"unit web": unit, "scan web": gone, "posture web": "../../etc"}}
        assert evidence.put(client, {**repository, "entries": [], "beside": beside}, limit=1) == {
            "problems": []
        }
        request = {**repository, "keys": [build]}
        alone = evidence.find(client, request, tmp_path / "alone", limit=2)
        ahead = evidence.find(client, request | {"ahead": True}, tmp_path / "ahead", limit=2)
        client.put_manifest(f"{fake.host}/team/evidence:beside-{build}", b"{}")
        damaged = evidence.find(client, request | {"ahead": True}, tmp_path / "damaged", limit=2)
    assert [*alone["statements"]] == [*damaged["statements"]] == [build]
    assert sorted(ahead["statements"]) == [build, unit]
    assert ahead["problems"] == damaged["problems"] == []
    assert (tmp_path / "ahead" / unit / "junit.xml").is_file()


def test_what_several_machines_proved_of_an_image_is_beside_it(tmp_path: Path, output: Path) -> None:
    build, unit, scan, earlier = (f"{name}-{'1' * 64}" for name in ("build", "unit", "scan", "old"))
    with Fake() as fake, connected(fake) as client:
        repository = {"repository": f"{fake.host}/team/evidence"}
        for key in (build, unit, scan, earlier):
            written(client, fake, output, key)
        for proven in ({"unit web": earlier}, {"scan web": scan}, {"unit web": unit}):
            evidence.put(client, {**repository, "entries": [], "beside": {build: proven}}, limit=1)
        request = {**repository, "keys": [build], "ahead": True}
        found = evidence.find(client, request, tmp_path / "found", limit=2)
    assert sorted(found["statements"]) == [build, scan, unit]


def test_a_reference_is_resolved() -> None:
    with Fake() as fake, connected(fake) as client:
        client.put_manifest(f"{fake.host}/db:2", b"{}")
        there = evidence.run(client, {"resolve": f"{fake.host}/db:2"}, limit=1)
        missing = evidence.run(client, {"resolve": f"{fake.host}/db:3"}, limit=1)
    assert there["digest"].startswith("sha256:")
    assert missing["digest"] == ""


ROUTES = """Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t0100570A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000570A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1:5000", "10.87.0.1:5000"), ("localhost", "10.87.0.1")]
)
def test_a_registry_of_the_engines_machine_is_at_the_gateway(host: str, expected: str) -> None:
    assert gateway.address(host, ROUTES) == expected


def test_without_a_route_there_is_no_gateway() -> None:
    assert gateway.address("127.0.0.1:5000", ROUTES.splitlines()[0]) == ""
