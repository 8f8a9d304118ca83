"""What is reported of a failed build, from the lines that bake.sh prints."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ci.build import failure
from ci.build.bake import Bake
from ci.container_scripts import FOLDER
from ci.errors import PipelineError
from ci.sandbox.failure import ENGINE_ENDED

STEP = "[2/3] RUN make"
MESSAGE = 'process "/bin/sh -c make" did not complete successfully: exit code: 2'
SOURCE = "Dockerfile:2\n--------------------\n   2 | >>> RUN make\n--------------------\n"
# As Buildx prints it with the format of bake.sh, its line ends made blanks.
PRINTED = (
    r'{"name": "web", "target": "web_app",  "step": "[2/3] RUN make",'
    r'  "message": "process \"/bin/sh -c make\" did not complete successfully:'
    r' exit code: 2", "source": "Dockerfile:2\n   2 | >>> RUN make\n",'
    r'  "output": ["\x1b[31mgcc: no such file\x1b[0m", "caf\u00e9 \xff\x00 \U000e0001 \a", "100 % \\n ☕", ]}'
)
ESCAPES = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
ESCAPES |= {"\\": r"\\", '"': r"\""}


def quoted(text: str) -> str:
    """Return a text as `%q` of Go prints it."""
    short = {char: ESCAPES.get(char) for char in text}
    made = (
        short[char]
        or (char if char.isprintable() else rf"\x{ord(char):02x}" if char < "\x80" else rf"\u{ord(char):04x}")
        for char in text
    )
    return f'"{"".join(made)}"'


def line(**values: Any) -> str:  # noqa: ANN401 - the fields of a record
    record = {
        "name": "web",
        "target": "web_app",
        "step": STEP,
        "message": MESSAGE,
        "source": SOURCE,
        "output": ["cc -c main.c", "main.c:1: error"],
        **values,
    }
    output = "".join(f"{quoted(each)}, " for each in record.pop("output"))
    fields = [f'"{key}": {quoted(value)}' for key, value in record.items()]
    return f'{{{", ".join(fields)}, "output": [{output}]}} \n'


# Bake spells the names of targets in its own way.
PLANNED = Bake("{}", "{}", {"web.app": "web_app"}, {"web_app": "web.app", "job": "job"}, {"web.app": {}})


def error(stdout: str = "", code: int = 1, stderr: str = "", *, credentials: bool = False) -> PipelineError:
    return failure.error(PLANNED, code, stdout, stderr, credentials=credentials)


@pytest.mark.parametrize("code", [1, 137])
def test_a_build_that_named_no_step_has_the_last_lines(code: int) -> None:
    found = error(code=code, stderr="".join(f"line {number}\n" for number in range(100)))
    assert found.code == "build.bake-failed"
    assert found.details.splitlines() == [f"line {number}" for number in range(60, 100)]


def test_a_sandbox_that_ended_is_named_before_a_build_that_failed_with_it() -> None:
    assert error(line(), ENGINE_ENDED).code == "sandbox.ended"


def test_a_failed_step_is_named_with_its_service_output_and_place() -> None:
    found = error(line(), stderr="#1 noise\n")
    assert found.what == "service 'web.app': a step of its build failed: [2/3] RUN make"
    assert found.details.splitlines() == [
        *("cc -c main.c", "main.c:1: error"),
        *SOURCE.splitlines(),
        MESSAGE,
    ]


def test_texts_are_read_as_go_quotes_them() -> None:
    details = error(PRINTED).details.splitlines(keepends=True)
    assert details[0] == "\x1b[31mgcc: no such file\x1b[0m\n"
    assert details[1] == "café ÿ\x00 \U000e0001 \a\n"
    assert details[2] == "100 % \\n ☕\n"


@pytest.mark.parametrize(
    "text", ['"', "\\", "\\x41 \\N{BULLET}", "'''", "{}", "\r\v\f\b", "\u2028\x85\x1c", "#", "a\tb", "日本"]
)
def test_any_text_is_read_back(text: str) -> None:
    assert text in error(line(output=[text], message=text)).details
    assert text in error(line(step=text)).what


def test_only_the_last_lines_of_a_step_s_output_are_shown() -> None:
    found = error(line(output=[f"line {number}" for number in range(100)]))
    assert found.details.splitlines()[:40] == [f"line {number}" for number in range(60, 100)]
    assert "line 59\n" not in found.details


def test_other_lines_and_one_that_was_cut_off_at_its_start_are_left_out() -> None:
    cut = "[omitting 7 bytes]..." + line()[7:]
    assert error(f"\nnoise\n{cut}{line()}").what == error(line()).what
    assert error(cut).what == "the images cannot be built"


def test_a_step_that_several_builds_have_is_told_once() -> None:
    found = error(line() + line(target="job") + line(step="[3/3] RUN x"))
    assert found.what.split("; ") == [
        "service 'web.app': a step of its build failed: [2/3] RUN make",
        "service 'web.app': a step of its build failed: [3/3] RUN x",
    ]
    assert found.details.count(MESSAGE) == 2


def test_the_same_step_with_another_error_is_another_failure() -> None:
    assert len(error(line() + line(message="exit code: 3")).what.split("; ")) == 2


def test_a_build_that_failed_before_a_step_is_named_with_its_message() -> None:
    message = "failed to solve: dockerfile parse error on line 2: unknown instruction: RUNN"
    found = error(line(step="", output=[], source="", message=message))
    assert found.what == "service 'web.app': its image cannot be built"
    assert found.details == message


def test_a_failure_is_of_the_service_that_the_target_builds() -> None:
    assert error(line()).what == "service 'web.app': a step of its build failed: [2/3] RUN make"
    assert error(line(target="job")).what.startswith("service 'job': ")


def test_a_failure_of_no_known_service_has_the_name_that_buildx_gave_it() -> None:
    found = error(line(name="x.git", target=""))
    assert found.what == "x.git: a step of its build failed: [2/3] RUN make"


def test_an_error_has_a_bound() -> None:
    found = error(line(output=["x" * 1000] * 100, step="y" * 1000))
    assert len(str(found)) < 4000
    assert found.details.endswith(MESSAGE)


def test_names_that_only_the_engine_knows_are_taken_out() -> None:
    message = (
        "failed to compute cache key: failed to calculate checksum of ref u9fb8m3kx2::y0dn1zt7q:"
        ' "/src": not found'
    )
    assert error(line(message=message)).details.splitlines()[-1] == (
        'failed to compute cache key: failed to calculate checksum: "/src": not found'
    )


@pytest.mark.parametrize(
    ("credentials", "text"),
    [(True, "those of --docker-config were given"), (False, "no --docker-config was")],
)
def test_the_next_step_says_whether_credentials_were_given(text: str, *, credentials: bool) -> None:
    assert text in error(line(), credentials=credentials).hint


def test_a_frontend_that_cannot_be_pulled_is_explained() -> None:
    source = "Dockerfile:1\n   1 | >>> # syntax=docker/dockerfile:1.4\n   2 |     FROM python\n"
    assert "# syntax=" in error(line(step="", output=[], source=source)).hint
    assert "# syntax=" not in error(line()).hint


def test_the_format_of_the_script_has_every_field_that_is_read() -> None:
    text = (FOLDER / "bake.sh").read_text()
    (form,) = re.findall(r"^readonly FAILURE='(.*?)'$", text, re.DOTALL | re.MULTILINE)
    filled = re.sub(r'\{\{printf "%q" [.\w]+\}\}', '"x"', re.sub(r"\{\{(range .*?|if .*?|end)\}\}", "", form))
    read = error(filled.replace("\n", " "))
    assert read.what == "x: a step of its build failed: x"
    assert set(json.loads(filled.replace(", ]", "]"))) == {
        *("name", "target", "step", "message", "source", "output")
    }


def test_a_step_without_an_emulator_is_one_error_with_what_the_step_said() -> None:
    step = PipelineError(failure.STEP, "service 'web': a step failed", details="exec format error", hint="no")
    found = failure.not_emulated("linux/riscv64", step)
    assert found.code == "build.platform-not-emulated"
    assert "service 'web'" in found.what
    assert "linux/riscv64" in found.what
    assert found.details == "exec format error"
    assert "tonistiigi/binfmt" in found.hint
