"""Start the module: register its types, or run one of its functions.

The module's own code is imported from its source folder, not installed: its
dependencies are the only thing that takes time to install, and they change
with the lock alone.

Four things are done in a faster way than by Dagger's client library, because
they would take most of a short call:

- The constructor, and functions that return an object to call functions of,
  have nothing to run: the object is their arguments (`ci/src/ci/main.py`). So
  the library, which takes a second to import, is not imported for them.
- The library requests the schema from the engine each time it starts, which
  takes half a second. It gets the one that the engine gave this runtime.
- The library creates a converter of arguments and answers for each field of
  each query, half of what a query takes. It is created once.
- The library requests the id of an object each time it is passed as an
  argument, which is half of all requests. Each id is requested once.

All of them rely on private parts of the library or the engine. Each is checked
before it is used; if something has another form, the official way is taken,
and a line on the error stream says so.
"""

import base64
import functools
import http.client
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

SCHEMA = Path("/opt/runtime/schema.json")

# Functions that only collect their arguments: the fields of their object for the parent's state and for the
# arguments. "" means that these are fields themselves.
COLLECTORS = {"registry": ("inputs", "given"), "stack": ("inputs", ""), "withTarget": ("", "target")}

_CALL = "{ currentFunctionCall { parentName parent name inputArgs { name value } } }"
_RETURN = "query ($value: JSON!) { currentFunctionCall { returnValue(value: $value) } }"


def ask(query: str, **variables: str) -> Any:  # noqa: ANN401 - it is the answer's JSON
    """Return the engine's answer to a query of this call; raises RuntimeError with what it says instead."""
    token = base64.b64encode(f"{os.environ['DAGGER_SESSION_TOKEN']}:".encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
    if parent := os.environ.get("TRACEPARENT"):
        headers["traceparent"] = parent
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["DAGGER_SESSION_PORT"]))
    connection.request("POST", "/query", json.dumps({"query": query, "variables": variables}), headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    answer = json.loads(text) if response.status == http.HTTPStatus.OK else {"errors": text}
    if answer.get("errors"):
        msg = f"the engine answers: {answer['errors']}"
        raise RuntimeError(msg)
    return answer["data"]


def state(arguments: list[dict[str, str]]) -> dict[str, Any]:
    """Return the main object: its fields, as Python names them, with what the constructor was given."""
    return {
        re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", each["name"]): json.loads(each["value"])
        for each in arguments
    }


def collected(name: str, parent: dict[str, Any], arguments: list[dict[str, str]]) -> dict[str, Any]:
    """Return the object of a function in COLLECTORS. Fields without a value are left to their defaults."""
    made: dict[str, Any] = {}
    given = state(arguments)
    for field, values in zip(COLLECTORS[name], (parent, given), strict=True):
        present = {key: value for key, value in values.items() if value is not None}
        made |= {field: present} if field else present
    return made


def constructed() -> bool:
    """Answer a call that only collects its arguments; return whether it was one."""
    try:
        call = ask(_CALL)["currentFunctionCall"]
        if not call["parentName"] or (call["name"] and call["name"] not in COLLECTORS):
            return False
        if call["name"]:
            made = collected(call["name"], json.loads(call["parent"]), call["inputArgs"])
        else:
            made = state(call["inputArgs"])
        value = json.dumps(made)
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        report(f"currentFunctionCall ({type(error).__name__}: {error})")
        return False
    ask(_RETURN, value=value)
    return True


def report(part: str) -> None:
    """Say that a part of the library or the engine has another form than expected."""
    sys.stderr.write(f"runtime: {part} is not as expected, so the client library does it, which is slower\n")


def run(*, register: bool) -> int | None:
    """Import the module's main object, with the client library, and let that do what was asked for."""
    import gc  # noqa: PLC0415 - a constructor needs none of these
    import tomllib  # noqa: PLC0415

    gc.disable()  # what is imported stays: looking for garbage takes a sixth of the imports' time
    project = Path(os.environ["CI_MODULE"])
    with (project / "pyproject.toml").open("rb") as file:
        entry_points = tomllib.load(file)["project"]["entry-points"]["dagger.mod"]
    package, _, main_object = entry_points["main_object"].partition(":")
    os.environ["DAGGER_DEFAULT_PYTHON_PACKAGE"] = package
    os.environ["DAGGER_MAIN_OBJECT"] = main_object
    sys.path.insert(0, str(project / "src"))

    from dagger.client import _core, _session, gen  # noqa: PLC0415 - as above
    from dagger.mod.cli import app  # noqa: PLC0415 - it reads the two variables when imported

    speed_up(_session, _core, gen)
    gc.freeze()
    gc.enable()
    return app(None, register)


def speed_up(session: Any, core: Any, gen: Any) -> None:  # noqa: ANN401 - three modules of the library
    """Replace what costs time in the library, each part only if it has the expected form."""
    client = getattr(session, "GraphQLClient", None)
    if SCHEMA.is_file() and _takes(client, {"introspection", "fetch_schema_from_transport"}):
        session.GraphQLClient = functools.partial(with_schema, client)
    else:
        report("dagger.client._session.GraphQLClient")
    make: Any = getattr(core, "make_converter", None)
    if _takes(make, {"ctx"}) and {"structure", "unstructure"} <= set(dir(shared := make(None))):
        core.make_converter = functools.partial(Converter, make, shared)
    else:
        report("dagger.client._core.make_converter")
    kinds: list[Any] = [kind for kind in vars(gen).values() if isinstance(kind, type) and "id" in vars(kind)]
    context, field = getattr(core, "Context", None), getattr(core, "Field", None)
    if (
        kinds
        and hasattr(context, "resolve_ids")
        and _takes(getattr(context, "select_id", None), {"type_name", "id_value"})
        and _takes(context, {"selections"})
        and _takes(field, {"name", "args", "inline_type"})
    ):
        known: dict[str, list[Any]] = {}
        for kind in kinds:
            kind.id = remembering(kind.id, known)
    else:
        report("dagger.client._core.Context")


def remembering(library_s: Any, known: dict[str, list[Any]]) -> Any:  # noqa: ANN401 - a method of the library
    """Return a method that requests an object's id once. From then on the object is loaded by its id.

    `known` has a lock and an id for each object, by how it is made: equal ones have the same id in one call.
    """
    from anyio import Lock  # noqa: PLC0415 - a constructor does without

    @functools.wraps(library_s)
    async def method(self: Any) -> str:  # noqa: ANN401 - an object of the library
        only, *others = self._ctx.selections
        if only.name == "node" and not others:
            return str(only.args["id"])
        await self._ctx.resolve_ids()
        made = [(field.name, field.inline_type, field.args) for field in self._ctx.selections]
        found = known.setdefault(f"{self._graphql_name()} {made}", [Lock(), ""])
        async with found[0]:
            found[1] = found[1] or await library_s(self)
        self._ctx = self._ctx.select_id(self._graphql_name(), found[1])
        return str(found[1])

    return method


def _takes(function: Any, names: set[str]) -> bool:  # noqa: ANN401 - whatever the library has there
    """Check that something can be called with arguments of these names."""
    import inspect  # noqa: PLC0415 - as above

    return callable(function) and names <= set(inspect.signature(function).parameters)


def with_schema(client: Any, **options: Any) -> Any:  # noqa: ANN401 - as the library has it
    """Return the library's GraphQL client, with the schema that is there instead of one it would ask for."""
    del options["fetch_schema_from_transport"]
    return client(introspection=json.loads(SCHEMA.read_text()), **options)


class Converter:
    """The library's converter of one query; only for answers that hold objects it has to be its own."""

    def __init__(self, make: Any, shared: Any, context: Any) -> None:  # noqa: ANN401 - as the library has them
        """`make` makes one of a query's context; `shared` has none."""
        self._make, self._shared, self._context = make, shared, context

    def unstructure(self, value: Any) -> Any:  # noqa: ANN401 - as the library has it
        """Return what is sent for a value."""
        return self._shared.unstructure(value)

    def structure(self, value: Any, kind: Any) -> Any:  # noqa: ANN401 - as the library has it
        """Return an answer as the type asked for."""
        plain = isinstance(kind, type) and issubclass(kind, str | int | float)
        return (self._shared if plain else self._make(self._context)).structure(value, kind)


if __name__ == "__main__":
    registers = "--register" in sys.argv[1:]
    sys.exit(None if not registers and constructed() else run(register=registers))
