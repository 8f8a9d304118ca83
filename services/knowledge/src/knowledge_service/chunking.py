"""Split a text into chunks that can be found and read independently."""

import re

# Preferred ends of a chunk: between paragraphs, else after a sentence, else between words.
_BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"[.!?…。]['\"”\u2019)\]]*\s"), re.compile(r"\s"))
_WORD_START = re.compile(r"(?<=\s)\S")


def chunks(text: str, size: int, overlap: int) -> list[str]:
    """Split a text into chunks, none blank and none longer than `size` characters.

    A chunk repeats about `overlap` characters of the previous one, from the start of a word, so that text
    across a boundary is found too. `overlap` must be below half of `size`. Only space between chunks is lost.
    """
    pieces = []
    start = 0
    while start < len(text):
        end = _end(text, start, size)
        piece = text[start:end].strip()
        if piece:
            pieces.append(piece)
        if end == len(text):
            break
        word = _WORD_START.search(text, end - overlap, end)
        start = word.start() if word else end - overlap
    return pieces


def _end(text: str, start: int, size: int) -> int:
    """Return the end of the chunk: the last preferred place in its second half, else its full length."""
    limit = start + size
    if limit >= len(text):
        return len(text)
    for pattern in _BREAKS:
        places = [match.end() for match in pattern.finditer(text, start + size // 2, limit)]
        if places:
            return places[-1]
    return limit
