"""Objects that are their functions' arguments: what the runtime makes of them, and what the functions do."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

import anyio
import cattrs
import dagger
from dagger.mod._utils import to_camel_case

from ci.functions.registry import Registry
from ci.functions.stack import ComposeStack
from ci.main import Ci

if TYPE_CHECKING:
    from types import ModuleType

IDS = (dagger.Directory, dagger.File, dagger.Secret, dagger.Service, dagger.Socket)


def given(**values: object) -> list[dict[str, str]]:
    return [{"name": to_camel_case(name), "value": json.dumps(value)} for name, value in values.items()]


PARENT = {"source": "d1", "files": ["a.yaml"], "profiles": None, "docker_config": "s1", "jobs": 4}


def project() -> Ci:
    return Ci(source="d1", files=["a.yaml"], docker_config="s1", jobs=4)  # type: ignore[arg-type]


REGISTRY = {"address": "host/team", "username": "", "password": None, "service": "v1", "sign_key": "k1"}
TARGET = {"address": "other/team", "username": "ann", "password": "p1"}
STACK = {"only": None, "start_timeout": 60, "stop_timeout": 10}


def test_an_object_that_is_its_arguments_is_as_its_function_makes_it(entrypoint: ModuleType) -> None:
    async def made() -> list[Any]:
        registry = await project().registry(**REGISTRY)  # type: ignore[arg-type]
        return [registry, await registry.with_target(**TARGET), await project().stack(**STACK)]  # type: ignore[arg-type]

    registry = entrypoint.collected("registry", PARENT, given(**REGISTRY))
    target = entrypoint.collected("withTarget", registry, given(**TARGET))
    stack = entrypoint.collected("stack", PARENT, given(**STACK))
    expected = anyio.run(made)
    plain = cattrs.Converter()
    plain.register_structure_hook_func(lambda kind: kind in IDS, lambda value, _: value)
    found: list[Any] = [plain.structure(each, Registry) for each in (registry, target)]
    found.append(plain.structure(stack, ComposeStack))
    assert found == expected
    assert found[0].inputs == project()._inputs()  # noqa: SLF001 - what the function uses


def test_every_function_that_returns_an_object_only_collects_its_arguments(entrypoint: ModuleType) -> None:
    objects = {"Registry", "ComposeStack"}
    found = {
        to_camel_case(name)
        for kind in (Ci, Registry, ComposeStack)
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if method.__annotations__.get("return") in objects
    }
    assert found == set(entrypoint.COLLECTORS)
