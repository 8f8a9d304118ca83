from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ci.scan import database
from tests.raised import raises

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
METADATA = {"Version": 2, "UpdatedAt": "2026-11-25T06:00:00.123456789Z", "NextUpdate": "2026-11-26T06:00:00Z"}


def about(**fields: Any) -> str:  # noqa: ANN401 - as JSON has it
    return json.dumps(
        {
            "origin": "ghcr.io/aquasecurity/trivy-db:2",
            "metadata": json.dumps(METADATA),
            "java": False,
            "buckets": ["data-source", "debian 13", "vulnerability"],
            "digest": "sha256:1",
            "note": "",
            **fields,
        }
    )


def test_go_s_nanoseconds_are_read() -> None:
    read = database.read(about())
    assert read.updated_at == datetime(2026, 11, 25, 6, 0, 0, 123456, tzinfo=UTC)
    assert read.to_json()["origin"] == "ghcr.io/aquasecurity/trivy-db:2"


@pytest.mark.parametrize(
    ("code", "metadata", "said"),
    [
        ("scan.database-metadata-invalid", "", "JSONDecodeError"),
        ("scan.database-metadata-invalid", "\0\0", "JSONDecodeError"),
        ("scan.database-metadata-invalid", "[]", "TypeError"),
        ("scan.database-metadata-invalid", "{}", "KeyError: 'Version'"),
        ("scan.database-wrong-schema", json.dumps({**METADATA, "Version": 1}), "Version 1, wanted 2"),
        ("scan.database-metadata-invalid", json.dumps({**METADATA, "UpdatedAt": None}), "TypeError"),
        ("scan.database-metadata-invalid", json.dumps({**METADATA, "UpdatedAt": "yesterday"}), "ValueError"),
        (
            "scan.database-without-time-zone",
            json.dumps({**METADATA, "UpdatedAt": "2026-11-25T06:00:00"}),
            "no time zone",
        ),
        ("scan.database-metadata-invalid", '{"Version": 2}', "KeyError: 'UpdatedAt'"),
    ],
)
def test_corrupted_metadata_is_one_error_that_names_the_mirror(code: str, metadata: str, said: str) -> None:
    with raises(code) as caught:
        database.read(about(metadata=metadata))
    assert "from ghcr.io/aquasecurity/trivy-db:2 cannot be used" in caught.value.what
    assert said in caught.value.what


@pytest.mark.parametrize("buckets", [[], ["vulnerability"], ["data-source", "debian 13"]])
def test_an_empty_database_is_refused(buckets: list[str]) -> None:
    with raises("scan.database-incomplete", match=r"trivy\.db has no "):
        database.read(about(buckets=buckets))


@pytest.mark.parametrize(
    ("code", "updated", "said"),
    [
        ("scan.database-too-old", "2026-11-22T11:59:59Z", "3 days old: more than the 3 allowed"),
        ("scan.database-too-old", "2025-11-25T12:00:00Z", "365 days old"),
        ("scan.database-in-future", "2026-11-27T12:00:00Z", "in the future"),
    ],
)
def test_too_old_and_from_the_future_are_refused(code: str, updated: str, said: str) -> None:
    read = database.read(about(metadata=json.dumps({**METADATA, "UpdatedAt": updated})))
    with raises(code, match=said):
        read.check_age(NOW, timedelta(days=3))


@pytest.mark.parametrize(
    "updated", ["2026-11-22T12:00:00Z", "2026-11-25T12:00:00+14:00", "2026-11-26T00:00:00Z"]
)
def test_of_these_days_is_good(updated: str) -> None:
    read = database.read(about(metadata=json.dumps({**METADATA, "UpdatedAt": updated})))
    read.check_age(NOW, timedelta(days=3))


def test_each_mirror_that_was_tried_is_named() -> None:
    attempts = [
        {"mirror": "a.example/trivy-db:2", "error": "no such host", "seconds": 0.1},
        {"mirror": "b.example/trivy-db:2", "error": "no database within 300 s", "seconds": 300.0},
    ]
    error = database.failure("noise\n" + json.dumps({"attempts": attempts}) + "\n")
    assert error.code == "scan.mirrors-unavailable"
    assert "2 mirrors" in error.what
    assert error.details.splitlines() == [
        "- a.example/trivy-db:2 (0.1 s): no such host",
        "- b.example/trivy-db:2 (300.0 s): no database within 300 s",
    ]


def test_a_given_folder_that_cannot_be_used_is_told_as_such() -> None:
    error = database.failure('{"attempts": [{"mirror": "", "error": "trivy.db is cut short"}]}')
    assert error.code == "scan.database-unusable"
    assert error.what.endswith("from the folder that was given cannot be used: trivy.db is cut short")


def test_an_image_s_database_that_cannot_be_used_is_told_with_its_name() -> None:
    error = database.failure('{"attempts": [{"mirror": "a.example/db:2", "error": "trivy.db is cut short"}]}')
    assert error.what.endswith("from a.example/db:2 cannot be used: trivy.db is cut short")


def test_a_program_that_failed_otherwise_is_passed_on() -> None:
    error = database.failure("Killed")
    assert (error.code, error.details) == ("scan.database-unavailable", "Killed")
