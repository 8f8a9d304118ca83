"""Error texts contain what was wrong, the end of the output, and what to do next."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.errors import AirgapError, Interrupted, StepFailed, StepsFailed, registry_trouble

INDEXES = "Looking in indexes: https://me:secret@index.test/simple"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "m@v1.2.3: reading http://proxy.test:81/m/@v/v1.2.3.zip: 503 Service Unavailable",
            "at proxy.test:81 answered 503",
        ),
        (
            'm: Get "http://proxy.test/m": dial tcp 10.0.0.1:80: connect: connection refused',
            "at proxy.test refused the connection",
        ),
        (
            'm: Get "https://proxy.test/m": dial tcp: lookup proxy.test: no such host',
            "at proxy.test cannot be found",
        ),
        ('m: Get "https://proxy.test/m": net/http: TLS: i/o timeout', "at proxy.test did not answer in time"),
        (
            "E: Failed to fetch http://apt.test/debian/dists/x/InRelease  502  Bad Gateway [IP: 10.0.0.1 80]",
            "at apt.test answered 502",
        ),
        (
            "E: Failed to fetch http://apt.test/d/InRelease  Temporary failure resolving 'apt.test'",
            "at apt.test cannot be found",
        ),
        (
            "  cause: HTTP status server error (503 Service Unavailable) for url (https://index.test/simple/x/)",
            "at index.test answered 503",
        ),
        (
            "ERROR: HTTP error 404 while getting https://me:secret@index.test/x.whl",
            "at index.test answered 404",
        ),
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'Connection refused': /simple/x/",
            "that pip is configured with refused the connection",
        ),
        (
            f"{INDEXES}\nERROR: Could not find a version that satisfies x==1 (from versions: none)",
            "at index.test lists no versions of the package",
        ),
        (
            "E: Release file for http://apt.test/dists/x/InRelease is expired (invalid since 23d 2h).",
            "at apt.test has package lists that are past their date, or this machine's clock is wrong",
        ),
        (
            "E: Release file for http://apt.test/x/InRelease is not valid yet (invalid for another 2h).",
            "at apt.test has package lists from the future, or this machine's clock is wrong",
        ),
    ],
)
def test_what_the_tools_say_of_a_failing_registry_is_understood(line: str, expected: str) -> None:
    assert registry_trouble(f"before\n{line}\nafter") == f"the package registry {expected}"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Downloading https://index.test/x.whl (512 kB)",
        "compile: internal error 503 Service",
        "ERROR: Could not find a version that satisfies the requirement x==9 (from versions: 1, 2)",
        "see https://example.test/404 for help",
    ],
)
def test_other_output_is_not_taken_for_it(line: str) -> None:
    assert registry_trouble(line) == ""


def test_a_failed_step_shows_the_end_of_its_output_and_its_log() -> None:
    output = "".join(f"line {number}\n\n" for number in range(100))
    error = StepFailed(("go", "build", "x" * 500), 2, log=Path("/state/logs/engine-build.log"), output=output)
    text = str(error)
    assert "`go build xxx" in text
    assert "x..." in text
    assert "ended with exit code 2" in text
    assert "line 99\n" in text
    assert "line 85\n" in text
    assert "line 84\n" not in text
    assert "  log: /state/logs/engine-build.log\n  next: " in text


def test_a_killed_step_names_the_signal() -> None:
    assert "was killed by signal 9" in str(StepFailed(("x",), -9, log=Path("/log"), output=""))


def test_advice_names_where_the_tool_has_its_address_from() -> None:
    output = "reading http://proxy.test/m: 503 Service Unavailable"
    assert "GOPROXY" in StepFailed(("/usr/bin/go", "build"), 1, log=Path("/log"), output=output).hint
    assert "UV_DEFAULT_INDEX" in StepFailed(("uv", "sync"), 1, log=Path("/log"), output=output).hint
    assert "the tool's own" in StepFailed(("curl",), 1, log=Path("/log"), output=output).hint


def test_several_failures_are_all_told() -> None:
    error = StepsFailed({"a": AirgapError("first", hint="do this"), "b": AirgapError("second")})
    assert str(error) == "a: first\n  next: do this\nb: second"


def test_exit_codes() -> None:
    assert AirgapError("x").exit_code == 1
    assert Interrupted(2).exit_code == 130
    assert Interrupted(15).exit_code == 143
