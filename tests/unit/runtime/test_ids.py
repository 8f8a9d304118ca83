"""Ids of objects, as the library requests them, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
from dagger.client import _core, gen
from graphql import GraphQLSchema, build_schema

if TYPE_CHECKING:
    from types import ModuleType


class Connection:
    """An engine that answers each request for an id with its number."""

    def __init__(self) -> None:
        self.session = self
        self.requests = 0

    async def get_schema(self) -> GraphQLSchema:
        return build_schema(
            """
            type Query { directory: Directory! node(id: ID!): Node }
            interface Node { id: ID! }
            type Directory implements Node { id: ID! file(path: String!): File! }
            type File implements Node { id: ID! }
            """
        )

    async def execute(self, _request: object) -> dict[str, Any]:
        self.requests += 1
        number = self.requests
        await anyio.lowlevel.checkpoint()  # others go on meanwhile
        value = {"id": f"id{number}"}
        return {"directory": {**value, "file": value}, "node": {**value, "file": value}}


def test_an_id_is_requested_once(entrypoint: ModuleType) -> None:
    """Equal objects have the same id, and one that is loaded by its id needs no request."""
    known: dict[str, Any] = {}
    file_id = entrypoint.remembering(vars(gen.File)["id"], known)
    folder_id = entrypoint.remembering(vars(gen.Directory)["id"], known)
    connection = Connection()

    def folder() -> gen.Directory:
        return gen.Client(_core.Context(conn=connection)).directory()  # type: ignore[arg-type]

    async def use() -> list[str]:
        one, other, file = folder(), folder(), folder().file("a")
        found = [await folder_id(one), await folder_id(one), await folder_id(other), await file_id(file)]
        return [*found, await file_id(folder().file("b")), await file_id(folder().file("a"))]

    assert anyio.run(use) == ["id1", "id1", "id1", "id2", "id3", "id2"]
    assert connection.requests == 3


def test_concurrent_requests_for_an_id_are_one(entrypoint: ModuleType) -> None:
    folder_id, connection = entrypoint.remembering(vars(gen.Directory)["id"], {}), Connection()

    async def use() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(folder_id, gen.Client(_core.Context(conn=connection)).directory())  # type: ignore[arg-type]

    anyio.run(use)
    assert connection.requests == 1


def test_an_id_that_could_not_be_had_is_requested_again(entrypoint: ModuleType) -> None:
    answers: list[Any] = [RuntimeError("no answer"), "id"]

    async def library_s(_self: object) -> str:
        if isinstance(answer := answers.pop(0), RuntimeError):
            raise answer
        return str(answer)

    async def use() -> str:
        folder = gen.Client(_core.Context(conn=Connection())).directory()  # type: ignore[arg-type]
        method = entrypoint.remembering(library_s, {})
        with pytest.raises(RuntimeError):
            await method(folder)
        return str(await method(folder))

    assert anyio.run(use) == "id"
