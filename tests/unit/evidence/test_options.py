from __future__ import annotations

from datetime import timedelta

import pytest

from ci.errors import PipelineError
from ci.evidence.options import EvidenceOptions, choose
from ci.layer_cache import CacheOptions
from ci.project.policy import Policy


@pytest.mark.parametrize(
    ("options", "cache", "settings", "expected"),
    [
        ("r.example.com/a", "r.example.com/b", Policy(evidence="r.example.com/c"), "r.example.com/a"),
        ("", "r.example.com/b", Policy(evidence="r.example.com/c"), "r.example.com/c"),
        ("", "r.example.com/b", Policy(cache="r.example.com/d"), "r.example.com/b"),
        ("", "", Policy(cache="r.example.com/d"), "r.example.com/d"),
    ],
)
def test_what_is_named_first_is_taken(options: str, cache: str, settings: Policy, expected: str) -> None:
    place = choose(EvidenceOptions(options), CacheOptions(cache), settings)
    assert place is not None
    assert place.repository == expected


def test_without_a_repository_there_is_none() -> None:
    assert choose(EvidenceOptions(fresh=True), CacheOptions(write=True), Policy()) is None


def test_only_a_call_that_writes_the_cache_writes_and_a_fresh_one_does_not_read() -> None:
    options = EvidenceOptions("r.example.com/a", fresh=True)
    place = choose(options, CacheOptions(write=True), Policy(evidence_days=7))
    assert place is not None
    assert (place.read, place.write, place.longest) == (False, True, timedelta(days=7))
    place = choose(EvidenceOptions("r.example.com/a"), CacheOptions(), Policy())
    assert place is not None
    assert (place.read, place.write) == (True, False)


def test_what_is_no_repository_is_refused_where_it_was_written() -> None:
    with pytest.raises(PipelineError) as caught:
        choose(EvidenceOptions("r.example.com/a:tag"), CacheOptions(), Policy())
    assert caught.value.code == "cache.repository-invalid"
    assert "--evidence" in caught.value.what
