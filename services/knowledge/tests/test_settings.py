import pytest
from aip_common.settings import load
from knowledge_service.main import SERVICE
from knowledge_service.settings import Settings

GOOD = {
    "INTERNAL_TOKEN_SECRET": "0123456789abcdef0123456789abcdef",
    "AZURE_OPENAI_ENDPOINT": "http://model",
    "AZURE_OPENAI_API_KEY": "0123456789abcdef",
    "QDRANT_URL": "http://qdrant:6333",
}


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"QDRANT_URL": ""}, "QDRANT_URL: not set"),
        ({"QDRANT_URL": "qdrant:6333"}, "QDRANT_URL: "),
        ({"QDRANT_API_KEY": "change-me"}, "QDRANT_API_KEY is a placeholder"),
        ({"QDRANT_COLLECTION": "a/b"}, "QDRANT_COLLECTION: "),
        ({"EMBEDDING_DIMENSIONS": "many"}, "EMBEDDING_DIMENSIONS: "),
        (
            {"CHUNK_CHARS": "300"},
            "CHUNK_OVERLAP_CHARS is 150: it must be below half of CHUNK_CHARS, which is 300",
        ),
    ],
)
def test_a_wrong_setting_stops_the_start_with_its_name(
    variables: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**GOOD, **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        load(Settings, SERVICE)
    assert says in str(stopped.value)


def test_right_settings_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    assert load(Settings, SERVICE).qdrant_collection == "aip_chunks_v1"
