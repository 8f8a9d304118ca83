from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from knowledge_service.documents import NewDocument, document_id, point_id
from pydantic import ValidationError

NAMES = st.tuples(st.text(), st.text(), st.integers(0, 5), st.text())


@given(NAMES, NAMES)
def test_points_have_the_same_id_only_if_they_are_the_same(
    one: tuple[str, str, int, str], other: tuple[str, str, int, str]
) -> None:
    assert (point_id(*one) == point_id(*other)) == (one == other)


def test_an_id_is_a_uuid_of_version_5_and_never_changes() -> None:
    assert UUID(point_id("acme", "handbook", 0, "v")).version == 5
    assert point_id("acme", "handbook", 0, "v") == "09369536-306d-5f8f-8113-0a51893a2e69"
    assert document_id("acme", "v") == "36cc0ead-ce46-55a4-8278-45699c661b7d"


def test_the_version_is_of_the_content_and_of_how_it_is_cut() -> None:
    document = NewDocument(title="t", text="x", metadata={"a": 1, "b": 2})
    same = NewDocument(title="t", text="x", metadata={"b": 2, "a": 1}, document_id="named")
    others = [
        NewDocument(title="t2", text="x", metadata={"a": 1, "b": 2}),
        NewDocument(title="t", text="x2", metadata={"a": 1, "b": 2}),
        NewDocument(title="t", text="x", metadata={"a": True, "b": 2}),
    ]
    assert document.version(1000) == same.version(1000)
    versions = {document.version(1000), document.version(500), *(other.version(1000) for other in others)}
    assert len(versions) == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": " "},
        {"text": "\n\t"},
        {"document_id": "a/b"},
        {"document_id": ""},
        {"metadata": {"a.b": 1}},
        {"metadata": {"a": None}},
        {"metadata": {"a": [1]}},
        {"metadata": {"a": float("nan")}},
        {"metadata": {f"key{number}": 1 for number in range(21)}},
        {"author": "someone"},
    ],
    ids=str,
)
def test_a_document_that_could_not_be_found_again_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NewDocument.model_validate({"title": "t", "text": "x", **wrong})
