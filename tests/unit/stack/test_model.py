"""The model that Compose gets in the sandbox, read by Compose itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.container_scripts.compose_command import undoubled
from ci.project import definition
from ci.stack import model
from ci.stack.model import Images, Timeouts
from tests.raised import raises
from tests.unit.project.reading import binary, project

if TYPE_CHECKING:
    from ci.project.model import ComposeModel

SHOP = (Path(__file__).parent / "shop.yaml").read_text()
VALUES = {"PASSWORD": "p$a${b}", "STACK": "blue", "WORD": "two words"}
ENV_FILE = "".join(f"{name}='{value}'\n" for name, value in VALUES.items())
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "TOKEN": "made-up"}
BUILT = Images({"web": "shop-web:latest"}, {})


@pytest.fixture
def shop(tmp_path: Path) -> ComposeModel:
    return read(tmp_path, SHOP, ENV_FILE)


def read(folder: Path, text: str, values: str | None = None) -> ComposeModel:
    (folder / "compose.yaml").write_text(text)
    return project(folder, values=values)


def make(found: ComposeModel, *names: str, **given: Any) -> model.Model:  # noqa: ANN401 - arguments of make
    """Return the model of some services, or of all."""
    images, left_out = given.get("images", BUILT), given.get("left_out", {})
    timeouts = Timeouts(stop=given.get("stop", 10.0))
    return model.make(found, list(names or found.services), images, left_out, timeouts)


def configured(made: model.Model, folder: Path) -> dict[str, Any]:
    """Return what Compose reads of the model, with the values of the run; it prints each `$` twice."""
    file, values = folder / "model.json", folder / "variables.env"
    file.write_text(made.text)
    values.write_text(ENV_FILE)
    command = [binary(), "--env-file", str(values), "--file", str(file), "config"]
    quiet = subprocess.run([*command, "-q"], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (quiet.returncode, quiet.stderr) == (0, "")
    printed = subprocess.run(
        [*command, "--format", "json"], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = undoubled(json.loads(printed.stdout))
    return found


def test_compose_reads_the_model_of_a_project_and_puts_the_values_in(
    shop: ComposeModel, tmp_path: Path
) -> None:
    made = make(shop)
    assert not any(value in made.text for value in VALUES.values())
    assert made.random == ("TOKEN",)
    web = configured(made, tmp_path)["services"]["web"]
    assert web["environment"] == {
        "PASSWORD": "p$a${b}",
        "URL": "http://user:p$a${b}@db",
        "LITERAL": "$HOME and ${NO}",
        "TOKEN": "made-up",
        "blue_KEY": "1",
        "A$B": "2",
        "PASSED": None,
    }
    assert web["command"] == ["sh", "-c", "echo $0 p$a${b}"]
    assert web["labels"] == {"router.blue.rule": "Host(`$x`)", "price$": "$5"}
    assert web["healthcheck"]["test"] == ["CMD-SHELL", "test $$ -gt 1"]


def test_the_model_is_the_project_s_for_compose(shop: ComposeModel, tmp_path: Path) -> None:
    """Compose reads the same with the values, but for what the pipeline changes."""
    (tmp_path / "variables.env").write_text(ENV_FILE)
    command = [binary(), "--env-file", "variables.env", "--profile", "*", "config", "--format", "json"]
    printed = subprocess.run(
        command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    expected = undoubled(json.loads(printed.stdout.replace(str(tmp_path), "/project")))
    del expected["services"]["job"]  # its profile was not asked for
    for service in expected["services"].values():
        for key in ("build", "develop", "pull_policy"):
            service.pop(key, None)
    expected["services"]["web"] |= {"image": "shop-web:latest", "pull_policy": "never"}
    expected["services"]["web"]["deploy"].pop("placement")
    found = configured(make(shop, stop=600), tmp_path)
    found["services"]["web"]["deploy"].pop("placement")
    assert found["services"] == expected["services"]
    assert found == expected


def test_it_is_the_same_for_the_same_project(shop: ComposeModel) -> None:
    assert make(shop).text == model.make(shop, sorted(shop.services, reverse=True), BUILT, {}).text


def test_images_are_those_that_were_built_and_pulled(shop: ComposeModel) -> None:
    services = make(
        shop, images=Images({"web": "shop-web:latest"}, {"postgres:18": "mirror/db@sha256:1"})
    ).written
    assert (services["web"]["image"], services["web"]["pull_policy"]) == ("shop-web:latest", "never")
    assert services["db"]["image"] == "mirror/db@sha256:1"
    assert services["cache"]["image"] == "redis:8"
    dropped = {"build", "develop", "profiles"}
    assert {name for name, item in services.items() if dropped & item.keys()} == set()
    assert [name for name, item in services.items() if "pull_policy" in item] == ["web"]


def test_images_of_hooks_and_volumes_are_taken_as_well() -> None:
    images = Images(
        {"web": "shop-web:latest"}, {"tools:1": "mirror/tools@sha256:2", "shop-web": "shop-web:latest"}
    )
    item = {
        "pre_start": [{"image": "tools:1", "command": ["a"]}, {"image": "shop-web"}, {"command": ["b"]}],
        "volumes": [
            {"type": "image", "source": "tools:1", "target": "/t"},
            {"type": "volume", "source": "v"},
        ],
    }
    (web,) = definition.read({"services": {"web": item}}).services.values()
    assert [text for text, _ in model.named_images("web", web)] == ["tools:1", "shop-web", "tools:1"]
    taken = images.of("web", item)
    assert taken["image"] == "shop-web:latest"
    assert [hook.get("image") for hook in taken["pre_start"]] == [
        "mirror/tools@sha256:2",
        "shop-web:latest",
        None,
    ]
    assert [each["source"] for each in taken["volumes"]] == ["mirror/tools@sha256:2", "v"]


def test_services_that_are_left_out_are_no_more_named(shop: ComposeModel) -> None:
    made = make(shop, left_out={"mail": "mail:1", "other": "x"})
    assert set(made.services) == {"web", "db", "cache", "seed"}
    assert set(made.written["web"]["depends_on"]) == {"db", "cache", "seed"}
    assert [note for note in made.notes if "mail:1" in note]


def test_services_that_are_not_chosen_are_no_more_named(shop: ComposeModel, tmp_path: Path) -> None:
    made = make(shop, "web", "db", "cache", "seed")
    assert made.written["web"]["depends_on"]["seed"] == {
        "condition": "service_completed_successfully",
        "required": True,
    }
    assert "depends_on" not in make(shop, "seed", "db", left_out={}).written["db"]
    assert set(configured(made, tmp_path)["services"]) == {"web", "db", "cache", "seed"}


@pytest.mark.parametrize("left_out", [{}, {"db": "postgres:18"}])
def test_a_service_without_one_that_it_needs_is_refused(left_out: dict[str, str], shop: ComposeModel) -> None:
    names = ["web", "cache", "seed", *left_out]
    with raises("stack.dependency-missing") as caught:
        make(shop, *names, left_out=left_out)
    assert "'db'" in caught.value.what


@pytest.mark.parametrize(
    "edge",
    [
        "links: [db]",
        "network_mode: 'service:db'",
        "volumes_from: [db]",
        "pid: 'service:db'",
        "ipc: 'service:db'",
    ],
)
def test_whatever_names_another_service_needs_it(edge: str, tmp_path: Path) -> None:
    found = read(tmp_path, f"services: {{web: {{image: w, {edge}}}, db: {{image: d}}}}")
    assert set(make(found).services) == {"web", "db"}
    with raises("stack.dependency-missing", match="'db'"):
        make(found, left_out={"db": "d"})


def test_volumes_and_networks_from_outside_are_those_that_services_use(shop: ComposeModel) -> None:
    assert (make(shop).volumes, make(shop).networks) == (("of-others",), ("edge",))
    some = make(shop, "cache")
    assert (some.volumes, some.networks) == ((), ())


def test_paths_are_those_of_the_source_that_containers_get(shop: ComposeModel) -> None:
    expected = ("conf.d/a b", "data/folder", "keys/key.pem", "public.txt", "site")
    assert make(shop).paths == expected
    assert make(shop, "cache").paths == ()


@pytest.mark.parametrize(
    ("source", "paths"), [(".", (".",)), ("./a/../b", ("b",)), ("/etc/x", ()), ("..", ())]
)
def test_a_path_is_relative_to_the_source(source: str, paths: tuple[str, ...], tmp_path: Path) -> None:
    found = read(tmp_path, f"services: {{web: {{image: w, volumes: ['{source}:/x']}}}}")
    assert make(found).paths == paths


def test_a_folder_in_the_source_is_the_project_directory(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "compose.yaml").write_text(
        "services: {web: {image: w, volumes: ['./x:/x', '../y:/y']}}"
    )
    made = make(project(tmp_path, "deploy"))
    assert (made.folder, made.paths) == ("/project/deploy", ("deploy/x", "y"))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "0.0.0.0", "[::1]", "[::]"])  # noqa: S104 - read
def test_an_address_that_every_machine_has_stays(address: str, tmp_path: Path) -> None:
    made = make(read(tmp_path, f"services: {{web: {{image: w, ports: ['{address}:80:80']}}}}"))
    assert made.written["web"]["ports"][0]["host_ip"] == address.strip("[]")


@pytest.mark.parametrize("address", ["192.168.1.5", "10.127.0.1", "[2001:db8::1]"])
def test_an_address_of_another_machine_is_left_out(address: str, tmp_path: Path) -> None:
    made = make(read(tmp_path, f"services: {{web: {{image: w, ports: ['{address}:80:80']}}}}"))
    (port,) = made.written["web"]["ports"]
    assert ("host_ip" in port, port["published"]) == (False, "80")


@pytest.mark.parametrize(
    ("written", "stop", "expected"),
    [
        (None, 10, None),
        (None, 9.5, "9.5s"),
        (None, 600, None),
        ("3s", 10, "3s"),
        ("10s", 10, "10s"),
        ("1m30s", 10, "10s"),
        ("1m30s", 90, "1m30s"),
        ("1h", 3599, "3599s"),
        ("10500ms", 10, "10s"),
    ],
)
def test_a_stop_takes_no_longer_than_it_may(
    written: str | None, stop: float, expected: str | None, tmp_path: Path
) -> None:
    grace = f", stop_grace_period: {written}" if written else ""
    made = make(read(tmp_path, f"services: {{web: {{image: w{grace}}}}}"), stop=stop)
    assert made.written["web"].get("stop_grace_period") == expected
    configured(made, tmp_path)


@given(st.integers(0, 10**13))
def test_a_duration_is_read_as_go_prints_it(micros: int) -> None:
    seconds, rest = divmod(micros, 10**6)
    hours, minutes = divmod(seconds // 60, 60)
    text = f"{hours}h{minutes}m{seconds % 60}.{rest:06d}s"
    assert model.seconds(text) == pytest.approx(micros / 10**6)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("1.5h", 5400), ("2m", 120), ("500ms", 0.5), ("3µs", 3e-6), ("7ns", 7e-9)],
)
def test_a_short_duration_has_other_units(text: str, seconds: float) -> None:
    assert model.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("", "shop-web:latest"),
        ("web", "web:latest"),
        ("web:1", "web:1"),
        ("docker.io/library/web:1", "web:1"),
        ("localhost:5000/team/web", "localhost:5000/team/web:latest"),
        (f"web:1@sha256:{'0' * 64}", "web:1"),
    ],
)
def test_what_is_built_has_the_tag_that_compose_gives_it(image: str, tag: str) -> None:
    assert model.tag("shop", "web", image) == tag
