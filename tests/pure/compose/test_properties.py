"""Whatever a compose file says is planned, noted or refused: it neither crashes nor vanishes."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from ci.compose import model
from ci.compose.support import ROWS, Status, found
from ci.errors import PipelineError
from ci.stack import plan
from tests.pure.compose.documents import Documents
from tests.pure.compose.reading import project

# Keys as Compose prints them, each with values that say something.
PRINTED: dict[str, list[Any]] = {
    "cap_add": [["NET_ADMIN"], ["CAP_SYS_TIME", "CHOWN"]],
    "cap_drop": [["ALL"], ["mknod"]],
    "command": [["serve", "--fast"], []],
    "container_name": ["its-name"],
    "cpus": [0.5, 2],
    "depends_on": [{"db": {"condition": c, "required": r}} for c in plan.CONDITIONS for r in (True, False)],
    "deploy": [
        {"replicas": 2},
        {"resources": {"limits": {"cpus": 0.75}}},
        {"resources": {"limits": {"memory": "4096"}}},
        {"resources": {"limits": {"pids": 4}}},
        {"restart_policy": {"condition": "on-failure", "max_attempts": 2}},
    ],
    "entrypoint": [["/entry"]],
    "environment": [{"A": "b"}, {"A": ""}, {"A": "placeholder-of-S"}],
    "extra_hosts": [["h=192.0.2.1"], ["i=::1", "h=192.0.2.2"]],
    "group_add": [["mail", "44"]],
    "healthcheck": [
        {"test": ["CMD", "x"], "interval": "1s"},
        {"disable": True},
        {"start_interval": "1s", "start_period": "2s", "timeout": "3s", "retries": 4},
    ],
    "hostname": ["h"],
    "init": [True],
    "links": [["db:store"]],
    "mem_limit": ["1073741824"],
    "network_mode": ["none"],
    "networks": [{"other": None}, {"inner": None}, {"default": {"aliases": ["w"]}, "other": None}],
    "pids_limit": [5],
    "post_start": [[{"command": ["x"], "user": "u", "environment": {"A": "b"}}]],
    "pre_stop": [[{"command": ["x"], "working_dir": "/"}]],
    "privileged": [True],
    "read_only": [True],
    "restart": ["always", "on-failure:3"],
    "scale": [0, 3],
    "secrets": [[{"source": "s", "target": "/run/secrets/s"}], [{"source": "s", "uid": "5", "mode": "0400"}]],
    "configs": [[{"source": "c"}], [{"source": "c", "target": "/c", "gid": "6"}]],
    "security_opt": [["no-new-privileges:true"]],
    "shm_size": ["67108864"],
    "stop_grace_period": ["1s"],
    "stop_signal": ["SIGUSR1"],
    "sysctls": [{"net.core.somaxconn": "5"}],
    "tmpfs": [["/run"], ["/tmp:size=1m,mode=0700,uid=5"]],  # noqa: S108 - what users write
    "ulimits": [{"nofile": 5}, {"nproc": {"soft": 1, "hard": 2}}],
    "user": ["1000", "u:g"],
    "volumes": [
        [{"type": "volume", "source": "v", "target": "/v", "volume": {}}],
        [{"type": "volume", "source": "v", "target": "/v", "volume": {"nocopy": True, "subpath": "s"}}],
        [{"type": "volume", "target": "/v", "read_only": True, "volume": {}}],
        [{"type": "bind", "source": "./b", "target": "/b", "read_only": True, "bind": {}}],
        [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": "1048576", "mode": 448}}],
    ],
    "working_dir": ["/work"],
}
TOP = {
    "networks": {"default": {}, "other": {}, "inner": {"internal": True}},
    "volumes": {"v": {}},
    "secrets": {"s": {"environment": "S"}},
    "configs": {"c": {"content": "text"}},
}
# What the containers take from the model itself, when the image is known.
WITH_THE_IMAGE = ("command", "entrypoint", "healthcheck", "stop_signal", "user", "working_dir")

services = st.fixed_dictionaries(
    {"image": st.just("x:1"), "networks": st.sampled_from([{"default": None}, *PRINTED.pop("networks")])},
    optional={key: st.sampled_from(values) for key, values in PRINTED.items()},
)


def planned(service: dict[str, Any]) -> plan.Plan:
    others = {"db": {"image": "y:1", "networks": {"default": None}}}
    outcome = {
        "model": {"name": "p", "services": {"web": service, **others}, **TOP},
        "placeholders": {"S": "placeholder-of-S"},
    }
    read = model.read(json.dumps(outcome))
    return plan.make(read, read.services, {})


def effect(made: plan.Plan) -> str:
    """Return all that a plan does, as text."""
    parts = [
        (
            *(name, item.names, item.environment, item.secret_environment, item.mounts, item.files),
            *(item.waits, item.init, {key: item.service.raw.get(key) for key in WITH_THE_IMAGE}),
        )
        for name, item in made.containers.items()
    ]
    return repr((parts, made.notes))


@settings(max_examples=150, deadline=None)
@given(services)
def test_taking_a_supported_key_away_changes_the_plan(service: dict[str, Any]) -> None:
    before = effect(planned(service))
    for key in sorted(set(service) & set(PRINTED) - {"scale"}):
        less = {k: v for k, v in service.items() if k != key}
        # One says it for both: a limit in two places, capabilities of a privileged service, and so on.
        if shadowed(service, key):
            continue
        assert effect(planned(less)) != before, key


def shadowed(service: dict[str, Any], key: str) -> bool:
    deploy = service.get("deploy") or {}
    return any(
        (
            service.get("scale") == 0,  # there is no container of it to change
            key == "restart" and "restart_policy" in deploy,
            key == "deploy"
            and any(other in service for other in ("scale", "mem_limit", "cpus", "pids_limit")),
        )
    )


@settings(max_examples=150, deadline=None)
@given(services)
def test_what_the_model_says_is_not_changed_by_planning(service: dict[str, Any]) -> None:
    before = copy.deepcopy(service)
    planned(service)
    assert service == before


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(Documents().document())
@example({"services": {"web": {"image": "x", "scale": 2, "ports": ["8000-8001:80"]}}})
@example({"services": {"web": {"image": "x", "tmpfs": "/t:size=x"}}})
def test_a_file_of_the_schema_is_planned_noted_or_refused(document: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "compose.yaml").write_text(json.dumps(document))
        try:
            read = project(Path(folder))
        except PipelineError as error:
            event(
                "Compose refuses it"
                if str(error).startswith("Compose refuses")
                else "refused when it is read"
            )
            return
    raw = {name: service.raw for name, service in read.services.items()}
    keys = {key for _, key in found(raw, read.raw)}
    statuses = {ROWS[key].status if key in ROWS else Status.REFUSED for key in keys}
    try:
        made = plan.make(read, read.services, {})
    except PipelineError:
        event("refused")
        return
    event("planned")
    assert Status.REFUSED not in statuses
    assert {note.key for note in made.notes} == {key for key in keys if ROWS[key].status is Status.NOTED}
