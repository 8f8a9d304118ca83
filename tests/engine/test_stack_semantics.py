"""What services see of each other and of their inputs, in one run of one project."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.client import FIXTURES

if TYPE_CHECKING:
    from tests.engine.client import Called, Dagger

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("semantics")]

SERVICE = "com.docker.compose.service"


@dataclass(frozen=True)
class Seen:
    """One run: logs, `docker inspect` of each container, the call, the secret value, and all files."""

    log: dict[str, str]
    outcomes: dict[str, dict[str, Any]]
    called: Called
    canary: str
    files: str

    def lines(self, service: str) -> list[str]:
        return self.log[service].splitlines()


@pytest.fixture(scope="module")
def seen(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    canary = f"canary-{secrets.token_hex(16)}"
    folder = tmp_path_factory.mktemp("semantics")
    (folder / "values.env").write_text(f"CANARY_TOKEN={canary}\nCPUS=0.5\n")
    called = dagger.call(
        *("--source", str(FIXTURES / "stack"), "--env-file", f"file:{folder / 'values.env'}"),
        *("--project-directory", "semantics", "stack", "logs", "export", "--path", str(folder / "logs")),
    )
    assert called.code == 0, called.error
    assert not (folder / "logs" / "error.txt").exists(), (folder / "logs" / "error.txt").read_text()
    text = {path.stem: path.read_text() for path in (folder / "logs").glob("*.log")}
    inspected = json.loads((folder / "logs" / "inspect.json").read_text())
    outcomes = {each["Config"]["Labels"][SERVICE]: each for each in inspected}
    files = "".join(path.read_text() for path in (folder / "logs").iterdir())
    return Seen(text, outcomes, called, canary, files)


def test_order_conditions_names_volumes_networks_and_secrets(seen: Seen) -> None:
    assert seen.log["job"] == "token *** secret ***\n"
    assert seen.log["server"].startswith("found written by the job\n")
    assert seen.lines("client")[0] == "server got written by the job"
    assert seen.log["stranger"].startswith("server refused ")
    assert seen.log["again"] == "start 1\nstart 2\nstart 3\n"
    assert seen.outcomes["again"]["RestartCount"] == 2


def test_no_secret_is_in_a_log_or_in_what_the_call_said(seen: Seen) -> None:
    everything = seen.called.stdout + seen.called.stderr + seen.files
    assert seen.canary not in everything
    assert "a secret of a file" not in everything


def test_what_containers_write_is_shown_with_their_names(seen: Seen) -> None:
    for line in ("client | server got written by the job", "job | token *** secret ***", "again | start 3"):
        assert line in seen.called.stderr


def test_services_are_found_by_every_name_they_have(seen: Seen) -> None:
    names = ("server", "frontal", "its-host-name", "its-container-name", "linked")
    assert seen.lines("client") == [f"{name} got written by the job" for name in names]


def test_what_runs_is_what_the_file_says(seen: Seen) -> None:
    assert seen.lines("runs")[:7] == [
        f"sha256 {hashlib.sha256(seen.canary.encode()).hexdigest()}",
        "words ('two words',)",
        "folder /var/tmp first process False",
        "FROM_FILE in the file",
        "BOTH in the model",
        "DOLLAR cost $5",
        "UNSET None",
    ]


def test_a_number_of_the_env_file_is_in_the_model(seen: Seen) -> None:
    assert seen.lines("runs")[7] == "cpus 50000"


def test_a_build_takes_what_the_file_gives_it(seen: Seen) -> None:
    assert seen.log["built"] == "given by the file\n"


def test_a_healthcheck_of_the_image_can_be_changed_or_taken_away(seen: Seen) -> None:
    # The image of `built` has one that always fails; `checked` is good after a second.
    assert "Health" not in seen.outcomes["built"]["State"]
    assert "Health" in seen.outcomes["checked"]["State"]


def test_what_is_not_required_may_fail(seen: Seen) -> None:
    assert seen.outcomes["may-fail"]["State"]["ExitCode"] == 1
    assert seen.log["tolerant"] == "started all the same\n"


def test_a_restart_policy_of_deploy_is_honoured(seen: Seen) -> None:
    assert seen.log["again-by-deploy"] == "start 1\nstart 2\nstart 3\n"


def test_volumes_are_filled_shared_frozen_and_taken_in_part(seen: Seen) -> None:
    assert seen.lines("volumes") == [
        "frozen written by the job ('OSError', 30)",
        "bind ('OSError', 30)",
        "part ['inner'] done x",
        "filled True",
        "not filled []",
        "anonymous [] done",
    ]


def test_secrets_and_configs_have_their_place_owner_and_mode(seen: Seen) -> None:
    assert seen.lines("files") == [
        "/run/secrets/canary 0 0 0o444 ***",
        "/run/secrets/renamed 1234 1235 0o400 ***",
        "/run/secrets/of-file 0 0 0o644 ***",
        "/plain 0 0 0o444 plain text",
        "/etc/app.conf 0 0 0o644 FROM_FILE=in the file",
        "BOTH=in the file",
    ]


def test_hooks_run_after_the_start_and_before_the_stop(seen: Seen) -> None:
    assert seen.lines("after-the-hook") == ["nobody", "/var", "hooked"]
    assert seen.lines("hooked") == ["SIGUSR1", "nobody", "/var", "hooked", "before the stop"]


def test_a_service_is_stopped_with_its_signal_in_its_time(seen: Seen) -> None:
    assert seen.lines("hooked")[0] == "SIGUSR1"
    assert seen.outcomes["hooked"]["State"]["ExitCode"] == 0
    assert seen.lines("stubborn") == ["heard it"]
    assert seen.outcomes["stubborn"]["State"]["ExitCode"] == 137


def test_replicas_are_one_name_and_all_are_waited_for(seen: Seen) -> None:
    assert {"many", "many-2", "more", "more-2"} <= set(seen.log)
    assert "none" not in seen.log
    assert "Health" in seen.outcomes["many"]["State"]
    assert seen.log["counts"] == "all are there\n"
