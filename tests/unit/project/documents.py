"""Compose files made from the specification's schema: any key, with values that its form allows."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.unit.project.reading import schema

# Texts that are at home somewhere in a compose file; which key gets which is left to chance.
WORDS = [
    *(
        "a",
        "web",
        "db",
        "none",
        "host",
        "bridge",
        "always",
        "no",
        "on-failure:2",
        "root",
        "1000:1000",
        "NET_ADMIN",
    ),
    *("x:1", "team/app:1.2", "8080:80", "53:53/udp", "127.0.0.1:80:80", "80", "3000-3002"),
    *("/data", "data:/data", "./src:/src:ro", "./src", "/run:size=1m", "~/x", "../up", "."),
    *("10s", "1m30s", "0s", "64m", "1g", "-1", "0.5", "0440", "A=b", "A", "${X:-d}", "$$x", "${SECRET:?}"),
    *(
        "h=192.0.2.1",
        "h:host-gateway",
        "no-new-privileges:true",
        "seccomp:unconfined",
        "SIGUSR1",
        "linux/amd64",
    ),
    *(
        "service_healthy",
        "service_started",
        "service_completed_successfully",
        "bind",
        "volume",
        "tmpfs",
        "image",
    ),
]
NAMES = ["web", "db", "data", "A", "default"]
Strategy = st.SearchStrategy[Any]


class Documents:
    """Strategies for the parts of a compose file, from its schema."""

    def __init__(self) -> None:
        read = schema()
        self.definitions: dict[str, Any] = read["$defs"]
        self.top: dict[str, Any] = read["properties"]

    def value(self, node: dict[str, Any], depth: int = 0) -> Strategy:
        """Return a strategy for one node of the schema."""
        if "$ref" in node:
            return self.value(self.definitions[node["$ref"].rpartition("/")[2]], depth)
        choices = [self.value(choice, depth) for choice in node.get("oneOf", ())]
        choices += [st.sampled_from(node["enum"])] if "enum" in node else []
        kinds = node.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        choices += [
            self._of_kind(kind, node, depth) for kind in kinds if not choices or kind in ("object", "array")
        ]
        return st.one_of(choices) if choices else st.sampled_from(WORDS)

    def _of_kind(self, kind: str, node: dict[str, Any], depth: int) -> Strategy:
        if kind == "object":
            return self._object(node, depth)
        if kind == "array":
            items = self.value(node.get("items", {}), depth + 1)
            return st.lists(items, min_size=1, max_size=2, unique_by=repr)
        simple: dict[str, Strategy] = {
            "string": st.sampled_from(WORDS),
            "integer": st.integers(0, 9),
            "number": st.sampled_from([0, 1, 0.25, 4]),
            "boolean": st.booleans(),
            "null": st.none(),
        }
        return simple[kind]

    def _object(self, node: dict[str, Any], depth: int) -> Strategy:
        known = (
            {k: self.value(v, depth + 1) for k, v in node.get("properties", {}).items()} if depth < 6 else {}
        )
        free = [
            self.value(v, depth + 1) for k, v in node.get("patternProperties", {}).items() if "x-" not in k
        ]
        if free and not known:
            return st.dictionaries(st.sampled_from(NAMES), st.one_of(free), min_size=1, max_size=2)
        wanted = st.lists(st.sampled_from(sorted(known)), max_size=3, unique=True) if known else st.just([])
        required = [key for key in node.get("required", []) if key in known]
        return wanted.flatmap(lambda keys: st.fixed_dictionaries({k: known[k] for k in {*required, *keys}}))

    def service(self) -> Strategy:
        """Return a strategy for a service with an image and up to three more keys."""
        keys: dict[str, Any] = {}
        for name in ("service", "container_spec", "workload_spec"):
            keys |= self.definitions[name].get("properties", {})
        some = st.lists(st.sampled_from(sorted(keys)), min_size=1, max_size=3, unique=True)
        return some.flatmap(
            lambda chosen: st.fixed_dictionaries(
                {"image": st.just("x:1"), **{key: self.value(keys[key]) for key in chosen if key != "image"}}
            )
        )

    def document(self) -> Strategy:
        """Return a strategy for a file with a service of chance, and what it may name."""
        resources = {
            kind: st.fixed_dictionaries({"data": self.value(self.top[kind]["patternProperties"][pattern])})
            for kind in ("networks", "volumes")
            for pattern in self.top[kind]["patternProperties"]
            if "x-" not in pattern
        }
        return st.fixed_dictionaries(
            {
                "services": st.fixed_dictionaries({"web": self.service(), "db": st.just({"image": "y:1"})}),
                **resources,
            }
        )
