"""What `ci/runtime` does without Dagger's client library: held against that library and our main object."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from dagger.client import _core, _session
from dagger.client.base import Scalar
from dagger.mod._utils import to_camel_case
from graphql import build_schema, introspection_from_schema
from httpcore import _synchronization

from ci.main import Ci

if TYPE_CHECKING:
    from types import ModuleType

RUNTIME = Path(__file__).parents[3] / "ci" / "runtime"
MAKE: Any = _core.make_converter


def test_the_main_object_is_its_arguments() -> None:
    constructors = {"__init__", "__new__", "__post_init__", "create"}
    assert not constructors & {name for each in Ci.__mro__[1:-1] for name in vars(each)}
    assert not constructors & set(re.findall(r"def (\w+)", inspect.getsource(Ci)))


def test_a_constructor_s_arguments_become_the_fields_of_the_main_object(entrypoint: ModuleType) -> None:
    names = [each.name for each in dataclasses.fields(Ci)]
    given = [{"name": to_camel_case(name), "value": json.dumps(f"id of {name}")} for name in names]
    assert entrypoint.state(given) == {name: f"id of {name}" for name in names}
    assert len(names) > 2


def test_the_client_library_takes_the_schema_that_is_there(
    entrypoint: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema: Any = introspection_from_schema(build_schema("type Query { answer: Int }"))
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    monkeypatch.setattr(entrypoint, "SCHEMA", tmp_path / "schema.json")
    made: list[Any] = []
    library_s = vars(_session)["GraphQLClient"]

    def client(**options: object) -> object:
        made.append(entrypoint.with_schema(library_s, **options))
        return made[0]

    monkeypatch.setattr(_session, "GraphQLClient", client)
    _session.ClientSession(_session.ConnectParams(port=1, session_token="none"))  # noqa: S106 - none is connected
    assert "answer" in made[0].schema.type_map["Query"].fields
    assert not made[0].fetch_schema_from_transport


def parts(make: object = MAKE, client: object = None, context: type = _core.Context) -> tuple[Any, Any, Any]:
    """Return what stands for three modules of the library, as it is but for what is given."""
    library_s = client or vars(_session)["GraphQLClient"]
    core = SimpleNamespace(make_converter=make, Context=context, Field=_core.Field)
    return (
        SimpleNamespace(GraphQLClient=library_s),
        core,
        SimpleNamespace(Thing=type("Thing", (), {"id": ID})),
    )


async def ID(_self: object) -> str:  # noqa: N802 - a method that is never called
    """Stand for the method that requests an id."""
    raise AssertionError


@pytest.fixture
def schema(entrypoint: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "schema.json"
    file.write_text("{}")
    monkeypatch.setattr(entrypoint, "SCHEMA", file)
    return file


@pytest.mark.usefixtures("schema")
def test_the_library_as_it_is_is_replaced_in_all_places(
    entrypoint: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    session, core, gen = parts()
    entrypoint.speed_up(session, core, gen)
    assert session.GraphQLClient.func is entrypoint.with_schema
    assert core.make_converter.func is entrypoint.Converter
    assert gen.Thing.id.__wrapped__ is ID
    assert capsys.readouterr().err == ""


def _another_client(*, schema: str) -> str:
    return schema


def _another_converter(context: object) -> object:
    return context


class _AnotherContext:
    """A context that loads no objects by their ids."""


def test_a_library_of_another_form_is_left_as_it_is_and_reported(
    entrypoint: ModuleType, schema: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, core, gen = parts(_another_converter, _another_client, _AnotherContext)
    entrypoint.speed_up(session, core, gen)
    assert gen.Thing.id is ID
    assert (session.GraphQLClient, core.make_converter) == (_another_client, _another_converter)
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == [
        "dagger.client._session.GraphQLClient",
        "dagger.client._core.make_converter",
        "dagger.client._core.Context",
    ]
    schema.unlink()
    session, core, gen = parts()
    entrypoint.speed_up(session, core, gen)
    assert session.GraphQLClient is vars(_session)["GraphQLClient"]
    assert "GraphQLClient" in capsys.readouterr().err


@pytest.mark.parametrize(
    "answer", [{}, {"currentFunctionCall": {"parent": "Ci"}}, RuntimeError("no such field")]
)
def test_an_engine_that_answers_otherwise_is_left_to_the_library(
    answer: dict[str, Any] | RuntimeError,
    entrypoint: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def ask(_query: str) -> dict[str, Any]:
        if isinstance(answer, RuntimeError):
            raise answer
        return answer

    monkeypatch.setattr(entrypoint, "ask", ask)
    assert entrypoint.constructed() is False
    assert "currentFunctionCall" in capsys.readouterr().err


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Answer:
    id: str


@pytest.mark.parametrize("value", ["text", 1, True, Colour.RED, ["a", "b"], {"name": [Colour.RED]}])
def test_what_is_sent_is_as_the_library_has_it(entrypoint: ModuleType, value: object) -> None:
    ours = entrypoint.Converter(MAKE, MAKE(None), None)
    theirs = MAKE(None)
    assert ours.unstructure(value) == theirs.unstructure(value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("text", str),
        ("abc", Scalar),
        (3, int),
        (True, bool),
        (["a"], list[str]),
        ([{"id": "x"}], list[Answer]),
        ("RED", Colour),
        ({"id": "x"}, Answer),
    ],
)
def test_an_answer_is_as_the_library_has_it(entrypoint: ModuleType, value: object, kind: type) -> None:
    ours = entrypoint.Converter(MAKE, MAKE(None), None)
    theirs = MAKE(None)
    assert ours.structure(value, kind) == theirs.structure(value, kind)
    assert type(ours.structure(value, kind)) is type(theirs.structure(value, kind))


def test_the_library_makes_a_converter_by_this_name_for_each_context(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(_core, "make_converter", made.append)
    context = _core.Context()
    assert made == [context]


def test_arguments_of_one_chain_are_not_asked_for_at_once() -> None:
    """Of 60 calls 6 took 5 s longer: a connection that was opened and not used held up the function's end."""
    text = (RUNTIME / "main.dang").read_text()
    given = re.findall(r"\.with(?:Mounted)?(?:File|Directory)\(\"[^\"]+\", (.+)\)$", text, re.MULTILINE)
    assert len(given) == 7
    assert [argument for argument in given if not argument.endswith(".sync")] == []


_TRACED = """
from dagger import telemetry
from opentelemetry import propagate, trace
telemetry.initialize()
headers = {}
propagate.inject(headers)
print(headers["traceparent"], type(trace.get_tracer_provider()).__name__)
"""


def test_without_its_own_tracing_the_library_keeps_its_place_in_the_trace() -> None:
    ours = dict(re.findall(r'withEnvVariable\("(OTEL_\w+)", "(\w+)"\)', (RUNTIME / "main.dang").read_text()))
    parent = f"00-{'1' * 32}-{'2' * 16}-01"
    environment = os.environ | {"OTEL_TRACES_EXPORTER": "none", "TRACEPARENT": parent} | ours
    done = subprocess.run(
        [sys.executable, "-c", _TRACED], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [parent, "ProxyTracerProvider"]


def test_what_the_library_s_http_imports_at_each_request_is_there() -> None:
    lock = tomllib.loads((RUNTIME.parent / "uv.lock").read_text())
    assert "import sniffio" in inspect.getsource(_synchronization.current_async_library)
    assert "sniffio" in {package["name"] for package in lock["package"]}
