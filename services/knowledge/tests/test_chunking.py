import re

from hypothesis import given
from hypothesis import strategies as st
from knowledge_service.chunking import chunks

SIZES = st.tuples(st.integers(100, 400), st.integers(0, 49))


@given(st.text(), SIZES)
def test_no_piece_is_blank_or_too_long(text: str, sizes: tuple[int, int]) -> None:
    pieces = chunks(text, *sizes)
    assert all(piece.strip() == piece != "" for piece in pieces)
    assert all(len(piece) <= sizes[0] for piece in pieces)
    assert bool(pieces) == bool(text.strip())


@given(st.lists(st.sampled_from([" ", "\n", ". ", "\n\n", "?\n\n\n"]), max_size=300), SIZES)
def test_every_word_is_in_some_piece_and_in_order(gaps: list[str], sizes: tuple[int, int]) -> None:
    text = "".join(f"word{number}{gap}" for number, gap in enumerate(gaps))
    found = [int(number) for piece in chunks(text, *sizes) for number in re.findall(r"word(\d+)", piece)]
    assert sorted(set(found)) == list(range(len(gaps)))
    assert list(dict.fromkeys(found)) == list(range(len(gaps)))


@given(st.integers(1, 5000), SIZES)
def test_a_text_without_any_break_is_cut_all_the_same(length: int, sizes: tuple[int, int]) -> None:
    size, overlap = sizes
    text = "".join(chr(0x4E00 + number % 20_000) for number in range(length))
    pieces = chunks(text, size, overlap)
    assert pieces[0] + "".join(piece[overlap:] for piece in pieces[1:]) == text


def test_a_short_text_is_one_piece() -> None:
    assert chunks("\n One. Two. \n", 100, 10) == ["One. Two."]


def test_a_paragraph_ends_a_piece_before_a_sentence_does_and_that_before_a_word() -> None:
    paragraphs = "a" * 60 + ". Next.\n\nThen. " + "b" * 60
    assert chunks(paragraphs, 100, 0) == ["a" * 60 + ". Next.", "Then. " + "b" * 60]
    sentences = "a" * 60 + " one. Two three " + "b" * 60
    assert chunks(sentences, 100, 0) == ["a" * 60 + " one.", "Two three " + "b" * 60]
    words = "a" * 60 + " one two " + "b" * 60
    assert chunks(words, 100, 0) == ["a" * 60 + " one two", "b" * 60]


def test_no_break_in_its_first_half_ends_a_piece() -> None:
    first, *_ = chunks("One. " + "a" * 200, 100, 40)
    assert first == "One. " + "a" * 95


def test_a_piece_begins_with_the_last_words_of_the_one_before() -> None:
    first, second, *_ = chunks(" ".join(f"word{number:03}" for number in range(40)), 100, 30)
    assert first.split()[-3:] == second.split()[:3]
