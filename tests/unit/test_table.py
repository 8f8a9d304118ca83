from __future__ import annotations

from ci import table


def test_text_aligns_columns_without_trailing_blanks() -> None:
    assert table.text(["a", "bb"], [["long", "x"], ["s", ""]]) == "a     bb\nlong  x\ns"


def test_markdown_escapes_pipes() -> None:
    assert table.markdown(["a"], [["x|y"]]) == "| a |\n| --- |\n| x\\|y |"


def test_megabytes_are_decimal() -> None:
    assert table.megabytes(1_234_567) == "1.2 MB"
