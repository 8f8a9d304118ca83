"""Dockerfiles that other tools misread: the meaning of arguments, and the end of instructions."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import pytest

from tests.engine.images import Image, built, copied, sha256

if TYPE_CHECKING:
    from tests.engine.client import Dagger

pytestmark = [pytest.mark.engine, pytest.mark.docker_path]

Images = dict[str, Image]


@pytest.fixture(scope="module")
def arguments(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> Images:
    folder = tmp_path_factory.mktemp("arguments")
    return built(dagger, copied("arguments", folder), folder / "report")


def test_automatic_platform_arguments_have_values_in_paths_and_from(arguments: Images) -> None:
    own = arguments["platform"].data["config"]["architecture"]
    assert arguments["file-of-platform"].files == {
        "usr/local/bin/report": sha256(f'echo "runs on {own}"\n'),
    }
    assert arguments["stage-of-platform"].files == {"stage": sha256(f"stage {own}\n")}
    assert arguments["platform"].files == {
        "build": sha256(f"linux/{own}\n"),
        "undeclared": sha256("undeclared:\n"),
        "target": sha256(f"linux/{own} linux/{own}\n"),
    }


def test_an_argument_without_a_value_leaves_the_dockerfile_s_own(arguments: Images) -> None:
    assert arguments["unset"].files == {"release": sha256("release 2.7\n")}
    assert arguments["without-value"].files == {"release": sha256("release 2.7\n")}
    assert arguments["empty"].files == {"release": sha256("release \n")}


def test_an_argument_made_of_arguments_follows_the_values_that_are_given(arguments: Images) -> None:
    assert arguments["composed"].files == {"base": sha256("has none\n")}
    assert arguments["composed-defaults"].files == {"base": sha256("has python\n")}
    assert arguments["composed"].base == arguments["stage"].base
    assert arguments["composed-defaults"].base == arguments["not-in-image"].base


@pytest.mark.parametrize(
    ("service", "kind"),
    [("stage", "small"), ("stage-given", "traced"), ("stage-called-as-an-image", "stage redis")],
)
def test_an_argument_that_names_a_stage_is_not_looked_for_in_a_registry(
    arguments: Images, service: str, kind: str
) -> None:
    assert arguments[service].files == {"kind": sha256(f"{kind}\n")}


def test_an_argument_called_image_may_be_anything(arguments: Images) -> None:
    assert arguments["picture"].files == {"page": sha256("shows /pictures/spring.webp\n")}


def test_the_later_of_a_variable_and_an_argument_counts_in_the_build(arguments: Images) -> None:
    image = arguments["after-variable"]
    assert image.files == {"settings.ini": sha256("name = rehearsal\n"), "seen": sha256("rehearsal\n")}
    assert image.variables["STAGE"] == "live"


def test_an_argument_is_no_variable_of_the_image(arguments: Images) -> None:
    image = arguments["not-in-image"]
    assert image.files == {"serial": sha256("41 http://proxy.invalid:3128\n")}
    of_the_base = set(arguments["composed-defaults"].variables)
    assert set(image.variables) == of_the_base | {"TITLE"}
    assert "proxy.invalid" not in str(image.data["config"]), "BuildKit's own arguments are in no history"


def test_an_argument_before_from_counts_where_it_is_named_again(arguments: Images) -> None:
    assert arguments["scopes"].files == {
        "before": sha256("[]\n"),
        "after": sha256("[first]\n"),
        "inherited": sha256("[first]\n"),
        "changed": sha256("[second]\n"),
    }


@pytest.fixture(scope="module")
def spelling(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> Images:
    folder = tmp_path_factory.mktemp("spelling")
    source = copied("spelling", folder)
    (source / "written").mkdir()
    for name, text in {
        "mark-before-from": codecs.BOM_UTF8 + (source / "mark.Dockerfile").read_bytes(),
        "mark-before-argument": codecs.BOM_UTF8 + (source / "mark-before-argument.Dockerfile").read_bytes(),
        "crlf": (source / "crlf.Dockerfile").read_bytes().replace(b"\n", b"\r\n"),
    }.items():
        (source / "written" / f"{name}.Dockerfile").write_bytes(text)
    return built(dagger, source, folder / "report")


SERVE, NOTES = sha256('print("serves")\n'), sha256("notes\n")
COPIED = {"srv/serve.py": SERVE, "srv/notes.txt": NOTES}


@pytest.mark.parametrize("service", ["mark-before-from", "mark-before-argument"])
def test_a_byte_order_mark_is_no_part_of_the_first_line(spelling: Images, service: str) -> None:
    assert spelling[service].files == {"srv/serve.py": SERVE}


def test_lines_that_end_in_carriage_returns_are_continued(spelling: Images) -> None:
    assert spelling["crlf"].files == COPIED | {"two": sha256("two\n")}


def test_a_shift_is_no_here_document(spelling: Images) -> None:
    files = spelling["shifted"].files
    assert files["srv/size"] == sha256("1024\n")
    assert {"srv/all/serve.py", "srv/all/templates/index.html", "srv/all/written/crlf.Dockerfile"} < set(
        files
    )


def test_angle_brackets_in_quotes_and_in_the_json_form_are_no_here_document(spelling: Images) -> None:
    assert spelling["quoted"].files == COPIED | {"srv/line": sha256('log<<answer; other << "END"\n')}
    assert spelling["json-form"].files == COPIED | {"srv/text": sha256("first\nsecond\n")}


def test_a_here_document_may_have_a_blank_before_its_word(spelling: Images) -> None:
    assert spelling["blank-before-word"].files == {
        "srv/serve.py": SERVE,
        "welcome": sha256("good morning\nFROM all of us\n"),
    }


def test_what_is_in_a_here_document_is_no_instruction(spelling: Images) -> None:
    assert spelling["here-documents"].files == {
        "function": sha256("COPY is a function: green\n"),
        "texts/plain": sha256("FROM green\n"),
        "texts/tabs": sha256("COPY ${COLOR}\n"),
        "first": sha256("one\n"),
        "second": sha256("two\n"),
        "srv/serve.py": SERVE,
    }


def test_a_directive_after_a_comment_is_a_comment(spelling: Images) -> None:
    assert spelling["escape-too-late"].files == COPIED | {"srv/templates/index.html": sha256("<h1>\n")}


def test_the_escape_directive_changes_what_continues_a_line(spelling: Images) -> None:
    assert spelling["escape-first"].files == COPIED | {"backslash": sha256("a\\b")}


def test_comments_and_empty_lines_do_not_end_an_instruction(spelling: Images) -> None:
    assert spelling["continued"].files == COPIED | {"one": sha256("one\n")}


def test_a_dockerfile_in_small_letters_is_found(spelling: Images) -> None:
    assert spelling["small"].files == {"srv/serve.py": sha256('print("small")\n')}


def test_a_name_of_a_stage_means_the_latest_of_it(spelling: Images) -> None:
    assert spelling["name-twice"].files == {"first": NOTES, "second": SERVE, "third": NOTES}
