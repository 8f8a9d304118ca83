"""The stack on a real engine: the services' environment, enforced limits, and reported failures."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.client import FIXTURES, ROOT, Dagger, interrupt
from tests.engine.stacks import PYTHON, logs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine

# All tests that share the run of that project.
HARDENED = pytest.mark.xdist_group("hardened")
DOCKER_DEFAULT = "00000000a80425fb"
NONE = "0000000000000000"


@pytest.fixture(scope="module")
def hardened(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    output = tmp_path_factory.mktemp("hardened")
    called = logs(dagger, FIXTURES / "stack" / "hardened", output)
    assert called.code == 0, called.error
    return {path.stem: json.loads(path.read_text()) for path in output.glob("*.log")}


@pytest.mark.docker_path
@HARDENED
def test_a_hardened_service_has_nothing_it_did_not_ask_for(hardened: dict[str, dict[str, Any]]) -> None:
    seen = hardened["closed"]
    assert seen["ids"] == [10001, 10002, [4242, 10002]]  # its own group is among them, as on Docker
    assert seen["pid"] == 1
    assert seen["capabilities"] == [NONE] * 4
    assert seen["no_new_privileges"] == "1"
    assert (seen["write_root"], seen["write_tmp"], seen["fill_tmp"]) == ("OSError", "done", "OSError")
    assert seen["tmp"] == [1 << 20, "0o1777", 7, 8]
    assert (seen["write_sysctl"], seen["remount"]) == ("OSError", "PermissionError")
    assert seen["somaxconn"] == "77"
    assert (seen["memory"], seen["pids"]) == (str(100 << 20), "30")
    assert seen["nofile"] == [100, 200]
    assert seen["hostname"] == "its-name"
    assert "192.0.2.7\telsewhere" in seen["hosts"]


@pytest.mark.docker_path
@HARDENED
def test_a_plain_service_has_what_docker_gives_and_no_more(hardened: dict[str, dict[str, Any]]) -> None:
    seen = hardened["plain"]
    with_net_admin = f"{int(DOCKER_DEFAULT, 16) | 1 << 12:016x}"
    assert seen["capabilities"] == [NONE, *[with_net_admin] * 3]
    assert seen["no_new_privileges"] == "0"
    assert (seen["write_root"], seen["remount"]) == ("done", "PermissionError")
    assert seen["write_sysctl"] in ("OSError", "PermissionError")
    assert {"kmsg", "kvm"} & set(seen["devices"]) == set()
    assert [name for name in seen["environment"] if "DAGGER" in name or "OTEL" in name] == []


@pytest.mark.docker_path
@HARDENED
def test_limits_are_those_of_either_place_in_the_file(hardened: dict[str, dict[str, Any]]) -> None:
    # mem_limit, pids_limit and cpus; and the same below deploy.resources.limits.
    closed, limits = hardened["closed"], hardened["limits"]
    assert (closed["memory"], closed["pids"], closed["cpus"]) == (str(100 << 20), "30", "50000")
    assert (limits["memory"], limits["pids"], limits["cpus"]) == (str(120 << 20), "40", "25000")
    assert limits["shm"][:2] == [2 << 20, "0o1777"]
    assert limits["scratch"] == [3 << 20, "0o750", 0, 0]


@pytest.mark.docker_path
@HARDENED
def test_a_privileged_service_has_everything(hardened: dict[str, dict[str, Any]]) -> None:
    seen = hardened["boss"]
    assert int(seen["capabilities"][2], 16).bit_count() > int(DOCKER_DEFAULT, 16).bit_count() * 2
    assert seen["write_sysctl"] == "done"
    assert "kmsg" in seen["devices"]


@pytest.mark.docker_path
@HARDENED
def test_an_internal_network_has_no_way_out(hardened: dict[str, dict[str, Any]]) -> None:
    assert not hardened["inside"]["default_route"]
    assert hardened["plain"]["default_route"]


@pytest.mark.docker_path
@HARDENED
def test_network_mode_none_leaves_the_loopback_only(hardened: dict[str, dict[str, Any]]) -> None:
    assert hardened["offline"]["up"] == ["lo"]


def test_names_that_refer_in_circles_work(dagger: Dagger, tmp_path: Path) -> None:
    ask = (
        "import http.server as h, threading, time, urllib.request as u;"
        "threading.Thread(target=h.HTTPServer(('0.0.0.0', 80), h.SimpleHTTPRequestHandler).serve_forever,"
        " daemon=True).start();\n"
        "for _ in range(300):\n"
        "  try: print(u.urlopen('http://OTHER', timeout=1).status, flush=True); break\n"
        "  except OSError: time.sleep(0.1)\n"
        "time.sleep(3)"
    )
    services: dict[str, dict[str, object]] = {
        name: {"image": PYTHON, "command": ["python3", "-c", ask.replace("OTHER", other)]}
        for name, other in (("a", "b"), ("b", "a"))
    }
    services["end"] = {
        "image": PYTHON,
        "command": ["true"],
        "depends_on": {name: {"condition": "service_completed_successfully"} for name in ("a", "b")},
    }
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": services}))
    output = tmp_path / "logs"
    called = logs(dagger, tmp_path, output)
    assert called.code == 0, called.error
    for name in ("a", "b"):
        assert "200" in (output / f"{name}.log").read_text().splitlines()


@pytest.mark.long
def test_two_stacks_of_the_same_file_do_not_see_each_other(dagger: Dagger, tmp_path: Path) -> None:
    serve = (
        "import os, uuid; name = str(uuid.uuid4()); print(os.listdir('/data')); os.chdir('/data');"
        "open('index.html', 'w').write(name); print(name, flush=True);"
        "os.execvp('python3', ['python3', '-m', 'http.server', '80'])"
    )
    ask = "import urllib.request as u; print(u.urlopen('http://store', timeout=9).read().decode())"
    probe = "import urllib.request as u; u.urlopen('http://127.0.0.1')"
    services = {
        "store": {
            "image": PYTHON,
            "command": ["python3", "-c", serve],
            "volumes": ["data:/data"],
            "healthcheck": {"test": ["CMD", "python3", "-c", probe], "interval": "1s", "start_period": "20s"},
        },
        "ask": {
            "image": PYTHON,
            "command": ["python3", "-c", ask],
            "depends_on": {"store": {"condition": "service_healthy"}},
        },
    }
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": services, "volumes": {"data": {}}}))
    outputs = [tmp_path / "one", tmp_path / "two"]
    with ThreadPoolExecutor() as pool:
        for called in pool.map(lambda output: logs(dagger, tmp_path, output), outputs):
            assert called.code == 0, called.error
    names = set()
    for output in outputs:
        empty, name = (output / "store.log").read_text().splitlines()[:2]
        assert (empty, (output / "ask.log").read_text().strip()) == ("[]", name)
        names.add(name)
    assert len(names) == 2


def test_what_a_sandbox_cannot_have_is_refused_by_name(dagger: Dagger, tmp_path: Path) -> None:
    web = {"image": PYTHON, "devices": ["/dev/kvm"], "volumes": ["/etc/ssl:/ssl"]}
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": {"web": web}}))
    called = logs(dagger, tmp_path, tmp_path / "logs")
    assert called.code == 1
    assert "Code: compose.refused-keys" in called.error
    for value in ("services.web.devices", "/dev/kvm", "services.web.volumes", "/etc/ssl"):
        assert value in called.error


@pytest.mark.parametrize(
    ("service", "top", "value"),
    [
        (
            {
                "volumes": [
                    {"type": "bind", "source": "./a", "target": "/a", "bind": {"create_host_path": False}}
                ]
            },
            {},
            "/project/a",
        ),
        ({"secrets": ["key"]}, {"secrets": {"key": {"file": "./keys/key.pem"}}}, "/project/keys/key.pem"),
    ],
)
def test_what_is_mounted_and_not_there_is_named(
    dagger: Dagger, tmp_path: Path, service: dict[str, Any], top: dict[str, Any], value: str
) -> None:
    web = {"image": PYTHON, "command": ["true"], **service}
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": {"web": web}, **top}))
    called = dagger.call("--source", str(tmp_path), "stack", "check")
    assert called.code == 1
    assert value in called.error


def test_naming_a_service_activates_its_profile(dagger: Dagger, tmp_path: Path) -> None:
    job = {"image": PYTHON, "command": ["true"]}
    services = {"web": job, "tool": {**job, "profiles": ["tools"], "depends_on": ["web"]}, "other": job}
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": services}))
    called = dagger.call("--source", str(tmp_path), "stack", "--only", "tool", "check")
    assert called.code == 0, called.error
    assert [line.split()[0] for line in called.stdout.splitlines()[1:3]] == ["tool", "web"]
    assert "other" not in called.stdout


def test_what_is_external_is_created_empty_and_said(dagger: Dagger, tmp_path: Path) -> None:
    look = 'test -z "$(ls -A /data)"'
    web = {"image": PYTHON, "command": ["sh", "-c", look], "volumes": ["data:/data"], "networks": ["shared"]}
    top = {
        "volumes": {"data": {"external": True}},
        "networks": {"shared": {"external": True, "name": "elsewhere"}},
    }
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": {"web": web}, **top}))
    for _ in range(2):  # nothing of the first run is there in the second
        called = dagger.call("--source", str(tmp_path), "stack", "check")
        assert called.code == 0, called.error
        assert "volumes.data" in called.stdout
        assert "elsewhere" in called.stdout


def test_a_variable_without_a_value_is_said(dagger: Dagger, tmp_path: Path) -> None:
    web = {"image": PYTHON, "command": ["true"], "environment": {"A": "${NOBODY_SET_IT}", "PASSED_ON": None}}
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": {"web": web}}))
    called = dagger.call("--source", str(tmp_path), "stack", "check")
    assert called.code == 0, called.error
    for name in ("NOBODY_SET_IT", "PASSED_ON", "--env-file"):
        assert name in called.stdout
    assert "note | NOBODY_SET_IT" in called.stderr


@pytest.mark.docker_path
def test_published_ports_are_on_this_machine(tmp_path: Path) -> None:
    ports = {"web": free_port(), "other": free_port()}
    services = {
        name: {
            "image": PYTHON,
            "command": ["python3", "-m", "http.server", "80"],
            "ports": [{"target": 80, "published": str(port), "protocol": "tcp"}],
        }
        for name, port in ports.items()
    }
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": services}))
    words = ["dagger", "--progress=plain", "call", "--source", str(tmp_path), "stack", "ports", "up"]
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 180
        answered: set[int] = set()
        while answered != set(ports.values()) and time.monotonic() < deadline and process.poll() is None:
            for port in set(ports.values()) - answered:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=2) as answer:
                        assert answer.status == 200
                        answered.add(port)
                except OSError:
                    time.sleep(0.2)
        interrupt(process)
    assert answered == set(ports.values())


def free_port() -> int:
    """Return a free port of the loopback."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
