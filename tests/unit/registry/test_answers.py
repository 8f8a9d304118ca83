"""What is read of answers: nothing of their prose."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ci.registry import answers
from ci.registry.answers import Challenge

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
PAGE = b"<html>\r\n<title>502 Bad Gateway</title>\r\n<body>\r\n<hr><center>nginx</center>\r\n</html>\r\n"


def test_codes_are_read_from_json_of_several_lines() -> None:
    body = answers.error_body(b'{\n "errors": [\n  {"code": "name_unknown", "message": "not known"}\n ]\n}\n')
    assert body.codes == {"NAME_UNKNOWN"}
    assert body.text == "name_unknown not known"


@pytest.mark.parametrize(
    "content", [PAGE, b"", b"[]", b"null", b'{"errors": null}', b'{"errors": ["x"]}', b"\xff"]
)
def test_what_is_not_the_specification_s_has_no_codes(content: bytes) -> None:
    assert answers.error_body(content).codes == frozenset()


def test_a_page_is_shown_without_markup() -> None:
    assert answers.error_body(PAGE).text == "502 Bad Gateway\nnginx"


def test_a_long_answer_is_cut_and_control_characters_are_not_shown() -> None:
    text = answers.error_body(b"\x1b[31mx\x00" * 1000).text
    assert len(text) < 1100
    assert "\x1b" not in text


def test_the_error_number_of_a_storage_is_found_where_docker_registry_puts_it() -> None:
    detail = b'{"errors":[{"code":"UNKNOWN","detail":{"Enclosed":{"Op":"mkdir","Err":28},"DriverName":"x"}}]}'
    assert answers.error_body(detail).errnos == {28}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Sun, 01 Mar 2026 10:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 09:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-1", None),
    ],
)
def test_a_wait_is_a_number_or_a_date(value: str, seconds: float | None) -> None:
    assert answers.retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    ("value", "offset"), [("0-1048575", 1048576), ("0-0", 0), ("bytes=0-9", 10), ("5-9", None), ("", None)]
)
def test_a_range_tells_how_much_has_arrived(value: str, offset: int | None) -> None:
    assert answers.offset(value) == offset


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ('</v2/a/tags/list?last=b&n=2>; rel="next"', "/v2/a/tags/list?last=b&n=2"),
        ("<https://r.example/v2/a/tags/list?last=b>; rel=next", "https://r.example/v2/a/tags/list?last=b"),
        ('</x>; rel="prev"', ""),
        ("", ""),
    ],
)
def test_the_next_page_is_what_a_link_names(link: str, address: str) -> None:
    assert answers.next_page(link) == address


def test_challenges_are_read_with_quotes_commas_and_several_in_one_header() -> None:
    values = [
        'Bearer realm="https://auth.example/token",service="a, b",scope="repository:x/y:pull,push"',
        'Basic realm="r \\"q\\"", Negotiate',
    ]
    parameters = {
        "realm": "https://auth.example/token",
        "service": "a, b",
        "scope": "repository:x/y:pull,push",
    }
    assert answers.challenges(values) == [
        Challenge("bearer", parameters),
        Challenge("basic", {"realm": 'r "q"'}),
        Challenge("negotiate", {}),
    ]
