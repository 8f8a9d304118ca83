"""Mistakes that are found at the engine's objects, with stand-ins for these."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import dagger
import pytest
from dagger._exceptions import QueryErrorValue

from ci import user_errors
from ci.build import failure, secrets
from ci.container_scripts.registry import upload
from ci.errors import PipelineError
from ci.lint import run as lint
from ci.listing import Listing
from ci.pipeline import promote, stack
from ci.references import ImagesMap
from ci.release import manifest, publish, registries
from ci.release.container import RegistryAccess
from ci.report import tables
from ci.scan import container, trivy
from ci.stack import plan
from ci.testing import integration, results, runs
from ci.workspace import Workspace
from tests.raised import raises
from tests.unit.release.test_manifest import RELEASE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

RED = results.Result("web", 2, 1, 0, 0.5, "1 failed", "assert 1 == 2", cached=False)
DIGEST = "sha256:" + "1" * 64


REQUEST: Any = SimpleNamespace(document=None)


def query_error(text: str) -> dagger.QueryError:
    return dagger.QueryError([QueryErrorValue(text)], REQUEST)


def exec_error(code: int, stderr: str) -> dagger.ExecError:
    said = {"_type": "EXEC_ERROR", "cmd": ["trivy"], "exitCode": code, "stdout": "", "stderr": stderr}
    error = dagger.QueryError([QueryErrorValue("failed", extensions=said)], REQUEST)
    assert isinstance(error, dagger.ExecError)
    return error


def give(value: object) -> Callable[..., Awaitable[Any]]:
    """Return what gives the value for any call."""

    async def given(*_args: object, **_words: object) -> object:
        await anyio.lowlevel.checkpoint()
        if isinstance(value, Exception):
            raise value
        return value

    return given


class Source:
    entries = staticmethod(give([]))


def workspace(**fields: Any) -> Workspace:  # noqa: ANN401 - the fields
    source: Any = Source()
    return Workspace(source, source, fields.pop("images", ImagesMap({})), Listing(source), **fields)


def failing(*errors: Exception) -> Callable[[], Awaitable[Any]]:
    """Return a function of the module that fails with these errors."""
    return user_errors.user_errors(give(errors[0] if len(errors) == 1 else ExceptionGroup("several", errors)))


def test_what_the_engine_refuses_is_reported_with_its_text_and_is_the_cause() -> None:
    error = query_error("no such image")
    with raises("engine.step-refused", "no such image") as caught:
        anyio.run(failing(error))
    assert caught.value.__cause__ is error


def test_several_errors_are_one_that_has_all_of_them() -> None:
    ours = PipelineError("a.code", "it broke", hint="fix it")
    with raises("engine.several-failed", "2 failures", "no such image", "Code: a.code"):
        anyio.run(failing(ours, query_error("no such image")))


def test_one_error_of_ours_stays_with_its_cause() -> None:
    ours, cause = PipelineError("a.code", "it broke", hint="fix it"), ValueError("why")
    ours.__cause__ = cause
    with raises("a.code") as caught:
        anyio.run(failing(ExceptionGroup("one", [ours]), ours))
    assert caught.value is ours
    assert caught.value.__cause__ is cause


def test_a_path_of_a_build_that_is_missing_is_named() -> None:
    error = failure.missing("web", "context", "services/web")
    assert error.code == "build.path-missing"
    assert "service 'web': build.context is services/web" in error.what


@pytest.mark.parametrize(
    ("secret", "code", "values"),
    [
        (("token", "", "token.txt"), "build.secret-file-missing", ["'token'", "token.txt"]),
        (("token", "TOKEN", ""), "build.secret-value-missing", ["'token'", "TOKEN", "--env-file"]),
    ],
)
def test_a_build_secret_without_a_value_is_named(
    secret: tuple[str, str, str], code: str, values: list[str]
) -> None:
    named = SimpleNamespace(id=secret[0], variable=secret[1], path=secret[2])
    service: Any = SimpleNamespace(name="web", build=SimpleNamespace(secrets=[named]))
    with raises(code, "'web'", *values):
        anyio.run(secrets.secrets, workspace(), service)


def test_a_tool_without_a_substitute_is_named() -> None:
    with raises("images-map.tool-missing", "python:3"):
        workspace(images=ImagesMap({"python:3": None})).tool("python:3")


def test_an_image_of_the_stack_without_a_substitute_is_named_with_its_place() -> None:
    loaded: Any = SimpleNamespace(workspace=workspace(images=ImagesMap({"redis:7": None})))
    with raises("images-map.image-missing", "services.db.image", "redis:7"):
        anyio.run(plan._resolved, loaded, {"redis:7": "services.db.image"}, {})  # noqa: SLF001 - as below


def test_services_beside_tests_that_did_not_start_are_named() -> None:
    with raises("test.service-beside-failed", "'web'", "db, queue", "exited"):
        raise runs.not_started("web", ["db", "queue"], "start db: exited")


def test_a_linter_that_is_not_locked_is_named() -> None:
    done = SimpleNamespace(exit_code=give(127))
    linter: Any = SimpleNamespace(with_exec=lambda *_, **__: SimpleNamespace(sync=give(done)))
    with raises("lint.linter-not-locked", "zizmor", "from the setting lint"):
        anyio.run(lint._outcome, "zizmor", linter, [["zizmor", "."]])  # noqa: SLF001 - the rest needs an engine


def test_a_vex_file_that_is_missing_is_named() -> None:
    with raises("scan.vex-missing", "vex.json"):
        anyio.run(trivy._check_vex, workspace(), ("vex.json",))  # noqa: SLF001 - as above


def test_a_trivy_that_failed_has_its_exit_code_and_output() -> None:
    error = container.failed("web", exec_error(2, "panic"))
    assert (error.code, error.details) == ("scan.trivy-failed", "panic")
    assert "web: Trivy failed with exit code 2" in error.what


def test_a_service_that_is_not_in_the_stack_lists_those_that_are() -> None:
    found: Any = SimpleNamespace(model=SimpleNamespace(services={"api": None, "web": None}))
    with raises("stack.unknown-service", "'db'", "choose from api, web"):
        anyio.run(stack.service, found, "db")


def test_a_release_is_promoted_from_its_own_registry() -> None:
    other = RegistryAccess(registries.parse("other.azurecr.io/team"))
    with raises("promote.wrong-registry", "other.azurecr.io/team", RELEASE.registry):
        anyio.run(publish.promote, RELEASE, workspace(), other, other)


def test_a_release_is_verified_in_its_own_registry() -> None:
    other = RegistryAccess(registries.parse("other.azurecr.io/team"))
    file: Any = SimpleNamespace(contents=give(manifest.write(RELEASE)))
    nothing: Any = None
    with raises("verify.wrong-registry", "other.azurecr.io/team", RELEASE.registry):
        anyio.run(promote.verify, nothing, other, promote.Wanted(file), nothing)


@pytest.mark.parametrize("of", [promote.Wanted(), promote.Wanted(SimpleNamespace(), "1.2.3")])  # type: ignore[arg-type]
def test_a_release_is_given_in_one_way(of: promote.Wanted) -> None:
    other = RegistryAccess(registries.parse("other.azurecr.io/team"))
    nothing: Any = None
    with raises("release-manifest.not-chosen", "--release and --version"):
        anyio.run(promote.verify, nothing, other, of, nothing)


def test_only_gates_can_be_required() -> None:
    nothing: Any = None
    with raises("verify.unknown-gate", "--require lint", "integration"):
        anyio.run(promote.verify, nothing, nothing, promote.Wanted(), nothing, ["unit", "lint"])


def test_failed_tests_fail_the_call_with_their_output() -> None:
    with raises("test.failed", "web: 1 failed", "assert 1 == 2"):
        tables.tested([RED])


def test_a_failed_suite_is_an_error_with_its_output() -> None:
    outcome: Any = SimpleNamespace(error=None)
    error = integration.error(integration.Tested(outcome, RED))
    assert error
    assert (error.code, error.details) == ("test.integration-failed", "assert 1 == 2")
    assert "1 failed" in error.what


def test_an_image_to_promote_that_is_gone_is_named() -> None:
    registry: Any = SimpleNamespace(manifest=lambda _reference: None)
    with raises("registry.source-missing", f"r/a@{DIGEST}"):
        upload.from_registry(registry, "r/a", "s/a", DIGEST)
