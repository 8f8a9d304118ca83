"""What a failure means, by status and code."""

from __future__ import annotations

import errno

import pytest

from ci.registry import failures


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524])
def test_what_may_pass_is_tried_again_whatever_is_in_the_body(status: int) -> None:
    failure = failures.of_status(status, wait=7.0)
    assert (failure.code, failure.delays) == ("registry.unavailable", failures.DELAYS)
    assert (failure.status, failure.wait) == (status, 7.0)
    assert str(status) in failure.reason


@pytest.mark.parametrize(
    ("status", "codes", "code"),
    [
        (401, {"UNAUTHORIZED"}, "registry.unauthorized"),
        (403, {"DENIED"}, "registry.denied"),
        (404, {"NAME_UNKNOWN"}, "registry.absent"),
        (405, {"UNSUPPORTED"}, "registry.read-only"),
        (405, {"REGISTRY_DISALLOWED_OPERATION"}, "registry.read-only"),
        (409, set(), "registry.tag-immutable"),
        (412, {"PRECONDITION"}, "registry.tag-immutable"),
        (400, {"TAG_INVALID"}, "registry.tag-immutable"),
        (413, set(), "registry.body-too-large"),
        (507, set(), "registry.full"),
        (400, {"NAME_INVALID"}, "registry.unknown-error"),
        (418, set(), "registry.unknown-error"),
    ],
)
def test_what_stays_is_reported_at_once(status: int, codes: set[str], code: str) -> None:
    failure = failures.of_status(status, codes)
    assert (failure.code, failure.delays) == (code, ())


def test_a_full_disk_is_told_by_its_error_number() -> None:
    assert failures.of_status(500, {"UNKNOWN"}, errnos={errno.ENOSPC}).code == "registry.full"
    assert failures.of_status(500, {"UNKNOWN"}, errnos={errno.EIO}).code == "registry.unavailable"


@pytest.mark.parametrize(
    ("status", "codes", "code"),
    [
        (404, {"BLOB_UPLOAD_UNKNOWN"}, "registry.upload-forgotten"),
        (404, set(), "registry.upload-forgotten"),
        (400, {"BLOB_UPLOAD_INVALID"}, "registry.upload-forgotten"),
        (416, {"BLOB_UPLOAD_INVALID"}, "registry.answer-incomplete"),
        (400, {"DIGEST_INVALID"}, "registry.transfer-corrupted"),
    ],
)
def test_a_fault_of_an_upload_is_tried_again(status: int, codes: set[str], code: str) -> None:
    failure = failures.of_status(status, codes, sending=True)
    assert failure.code == code
    assert failure.delays


def test_only_a_refusal_of_the_token_service_is_about_the_credentials() -> None:
    for status in (429, 500, 502, 503):
        failure = failures.token_service(status, wait=1.0)
        assert failure.code == "registry.token-service-unavailable"
        assert (failure.delays, failure.wait) == (failures.DELAYS, 1.0)
    for status in (400, 401, 403):
        assert failures.token_service(status) is failures.UNAUTHORIZED
