from knowledge_service.answers import citations, messages
from knowledge_service.documents import Found


def _source(name: str) -> Found:
    return Found(
        document_id=name, title=f"Title {name}", chunk=0, score=0.5, text=f"Text {name}", metadata={}
    )


SOURCES = [_source("a"), _source("b"), _source("c")]


def test_the_model_gets_the_sources_by_number_and_then_the_question() -> None:
    system, user = messages("Why?", SOURCES)
    assert system["role"] == "system"
    assert user == {
        "role": "user",
        "content": "Sources:\n\n[1] Title a\nText a\n\n[2] Title b\nText b\n\n[3] Title c\nText c"
        "\n\nQuestion: Why?",
    }


def test_citations_are_the_sources_mentioned_once_each_in_their_order() -> None:
    found = citations("So [3]. And so [1][3].", SOURCES)
    assert [(citation.number, citation.document_id) for citation in found] == [(3, "c"), (1, "a")]


def test_a_number_without_a_source_cites_nothing() -> None:
    assert citations("See [0], [4], [1234], [x] and [].", SOURCES) == []
