"""The state folder: complete artifacts, fingerprints, the lock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airgap.errors import AirgapError
from airgap.process import check_interrupted
from airgap.state import State, check_free, fingerprint_of, locked, read_json, write, write_json

ROOT = Path(__file__).parents[2]


def test_an_artifact_is_whole_or_absent(state: State) -> None:
    def half(made: Path) -> None:
        made.mkdir()
        (made / "one").write_text("1")
        raise AirgapError("in the middle")

    with pytest.raises(AirgapError):
        state.make("kind", "abc", half)
    assert not state.artifact("kind", "abc").exists()
    assert list(state.scratch.iterdir()) == []

    made = state.make("kind", "abc", lambda folder: folder.mkdir())
    assert made == state.artifact("kind", "abc")
    assert made.is_dir()
    assert list(state.scratch.iterdir()) == []


def test_what_a_killed_run_left_is_removed_by_the_next(state: State) -> None:
    (state.scratch / "engine-x" / "made").mkdir(parents=True)
    (state.scratch / "file").touch()
    state.prepare()
    assert list(state.scratch.iterdir()) == []


def test_shared_artifacts_are_used_unless_there_are_own_ones(tmp_path: Path) -> None:
    (tmp_path / "shared" / "kind" / "abc").mkdir(parents=True)
    state = State(tmp_path / "own", tmp_path / "shared")
    assert state.artifact("kind", "abc") == tmp_path / "shared" / "kind" / "abc"
    assert state.artifact("kind", "other") == tmp_path / "own" / "kind" / "other"
    state.make("kind", "abc", lambda folder: folder.mkdir())
    assert state.artifact("kind", "abc") == tmp_path / "own" / "kind" / "abc"


def test_files_are_replaced_in_one_go(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file"
    write(file, "one", mode=0o755)
    write(file, "two")
    assert file.read_text() == "two"
    assert [path.name for path in file.parent.iterdir()] == ["file"]


def test_json_that_is_missing_or_broken_is_empty(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    assert read_json(file) == {}
    for text in ("", '{"a": ', "[1]", "\xff"):
        file.write_text(text, encoding="latin-1")
        assert read_json(file) == {}
    write_json(file, {"a": 1})
    assert read_json(file) == {"a": 1}


def test_fingerprints_see_names_contents_and_modes(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_text("1")
    seen = {fingerprint_of(folder)}
    (folder / "a").write_text("2")
    seen.add(fingerprint_of(folder))
    (folder / "a").rename(folder / "b")
    seen.add(fingerprint_of(folder))
    (folder / "b").chmod(0o755)
    seen.add(fingerprint_of(folder))
    (folder / "c").touch()
    seen.add(fingerprint_of(folder))
    assert len(seen) == 5
    assert fingerprint_of("ab", "c") != fingerprint_of("a", "bc")
    assert fingerprint_of(folder) == fingerprint_of(folder)


def test_a_full_disk_is_told_with_both_amounts(tmp_path: Path) -> None:
    check_free(tmp_path / "not" / "yet" / "there", 0.0)
    with pytest.raises(AirgapError, match=r"the disk of .* has [\d.]+ GB free, but 1000000.0 GB "):
        check_free(tmp_path, 1e6)


HOLD = """
import sys
from pathlib import Path
from airgap.state import State, locked
with locked(State(Path(sys.argv[1])), lambda text: print(text, file=sys.stderr, flush=True)):
    print("locked", flush=True)
    sys.stdin.read()
"""


def hold(state: State) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (sys.executable, "-c", HOLD, str(state.root)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )


def test_the_second_waits_for_the_first_and_says_for_whom(state: State) -> None:
    with hold(state) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "locked\n"
        with hold(state) as second:
            assert second.stderr is not None
            assert second.stdout is not None
            said = second.stderr.readline()
            assert said.startswith(f"waiting for pid {first.pid} (")
            assert said.endswith(f"{state.root}\n")
            first.communicate("")
            assert second.stdout.readline() == "locked\n"
            second.communicate("")


def test_a_lock_whose_holder_was_killed_is_free(state: State) -> None:
    with hold(state) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "locked\n"
        first.kill()
    assert (state / "lock").read_text() == str(first.pid)
    said: list[str] = []
    with locked(state, said.append):
        assert (state / "lock").read_text() == str(os.getpid())
    assert said == []


def test_a_lock_that_went_away_with_its_folder_is_not_held(state: State) -> None:
    with hold(state) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "locked\n"
        (state / "lock").unlink()
        with locked(state, lambda _: check_interrupted()):
            assert (state / "lock").read_text() == str(os.getpid())
        first.communicate("")
