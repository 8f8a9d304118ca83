"""The program that gets the database, with stand-ins for Trivy and small databases in bbolt's format."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from ci.container_scripts import trivy_database as program

if TYPE_CHECKING:
    from pathlib import Path

PAGE = 4096
NAMES = ("data-source", "debian 13", "vulnerability")
METADATA = {"Version": 2, "UpdatedAt": "2026-11-25T00:00:00Z", "DownloadedAt": "2026-11-25T09:00:00Z"}


def page(number: int, flags: int, entries: list[tuple[bytes, bytes]]) -> bytes:
    """Return a page of elements; each is its fixed part after the position, and its key."""
    header = program.PAGE_HEADER.pack(number, flags, len(entries), 0)
    size = program.LEAF_ELEMENT.size
    body, keys = b"", b""
    for index, (fixed, key) in enumerate(entries):
        position = (len(entries) - index) * size + len(keys)
        if flags == program.LEAF:
            body += (0).to_bytes(4, "little") + position.to_bytes(4, "little") + fixed
        else:
            body += position.to_bytes(4, "little") + len(key).to_bytes(4, "little") + fixed
        keys += key
    return (header + body + keys).ljust(PAGE, b"\0")


def leaf(number: int, names: tuple[str, ...]) -> bytes:
    sized = [(len(name).to_bytes(4, "little") + bytes(4), name.encode()) for name in names]
    return page(number, program.LEAF, sized)


def meta(number: int, transaction: int, root: int, pages: int) -> bytes:
    raw = program.META.pack(program.MAGIC, 2, PAGE, 0, root, 0, 2, pages, transaction, 0)[:-8]
    header = program.PAGE_HEADER.pack(number, 4, 0, 0)
    return (header + raw + program.fnv1a(raw).to_bytes(8, "little")).ljust(PAGE, b"\0")


def bolt(names: tuple[str, ...] = NAMES) -> bytes:
    return meta(0, 1, 9, 4) + meta(1, 2, 3, 4) + bytes(PAGE) + leaf(3, names)


def buckets(content: bytes) -> list[str]:
    return program.Bolt(io.BytesIO(content)).keys()


def test_the_newer_meta_s_root_is_read() -> None:
    assert buckets(bolt()) == list(NAMES)


def test_a_torn_meta_is_passed_over() -> None:
    torn = bytearray(bolt())
    torn[16] ^= 1
    assert buckets(bytes(torn)) == list(NAMES)


def test_a_root_of_more_than_one_page_is_read() -> None:
    children = [((3).to_bytes(8, "little"), b"a"), ((4).to_bytes(8, "little"), b"p")]
    root = page(2, program.BRANCH, children)
    content = meta(0, 1, 9, 5) + meta(1, 2, 2, 5) + root + leaf(3, ("a", "b")) + leaf(4, ("pip::x",))
    assert buckets(content) == ["a", "b", "pip::x"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no bbolt file"),
        (b"<html>not found</html>" * 1000, "no bbolt file"),
        (bolt()[: 3 * PAGE], "cut short"),
        (bolt()[: 3 * PAGE + 100], "cut short"),
        (bolt()[: 3 * PAGE] + bytes(PAGE), "corrupted at page 3"),
    ],
)
def test_corrupted_databases_are_told_apart(content: bytes, said: str) -> None:
    with pytest.raises(program.UnusableError, match=said):
        buckets(content)


def stand_in(folder: Path, **mirrors: str) -> Path:
    """Make a program that downloads as Trivy does; each mirror does what its code says."""
    path = folder / "trivy"
    lines = ["#!" + sys.executable, "import os, signal, sys, time", "a = sys.argv[1:]"]
    lines += ["mirror = a[a.index('--db-repository') + 1]", "db = a[a.index('--cache-dir') + 1] + '/db'"]
    lines += [f"good = {bolt()!r}", f"metadata = {json.dumps(METADATA)!r}"]
    lines += ["def write(content):", " os.makedirs(db)", " open(db + '/trivy.db', 'wb').write(content)"]
    lines += [" open(db + '/metadata.json', 'w').write(metadata)"]
    lines += [f"if mirror == '{name}': {code}" for name, code in mirrors.items()]
    path.write_text("\n".join(lines))
    path.chmod(0o755)
    return path


def fetch(folder: Path, trivy: Path, *mirrors: str, seconds: float = 30, http: str = "-") -> Any:  # noqa: ANN401 - as JSON has it
    command = [sys.executable, program.__file__, "fetch", str(trivy), str(folder / "out"), str(seconds), http]
    done = subprocess.run([*command, *mirrors], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        return json.loads(done.stderr)["attempts"]
    return json.loads((folder / "out/about.json").read_text())


REFUSES = "sys.stderr.write('x\\tINFO\\ty\\nx\\tFATAL\\tFatal error\\tno such host\\n'); sys.exit(1)"


def test_the_first_mirror_that_works_is_taken(tmp_path: Path) -> None:
    about = fetch(tmp_path, stand_in(tmp_path, a=REFUSES, b="write(good)", c="sys.exit(9)"), "a", "b", "c")
    assert about["origin"] == "b"
    assert [(each["mirror"], each["error"]) for each in about["attempts"]] == [("a", "no such host")]
    assert about["buckets"] == list(NAMES)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["about.json", "db"]


def test_the_time_of_the_download_is_dropped(tmp_path: Path) -> None:
    fetch(tmp_path, stand_in(tmp_path, a="write(good)"), "a")
    assert "DownloadedAt" not in (tmp_path / "out/db/metadata.json").read_text()


def test_a_mirror_that_never_answers_is_left_after_its_time(tmp_path: Path) -> None:
    silent = "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    about = fetch(tmp_path, stand_in(tmp_path, a=silent, b="write(good)"), "a", "b", seconds=0.5)
    assert about["origin"] == "b"
    assert about["attempts"][0]["error"] == "no database within 0.5 s"


@pytest.mark.parametrize(
    "code", ["write(good[:9000])", "write(b'x' * 9000)", "os.makedirs(db)", "sys.exit(2)"]
)
def test_a_mirror_with_a_corrupted_database_is_as_good_as_none(tmp_path: Path, code: str) -> None:
    trivy = stand_in(tmp_path, a=code, b="write(good)")
    assert fetch(tmp_path, trivy, "a", "b")["origin"] == "b"


def test_every_mirror_that_failed_is_named(tmp_path: Path) -> None:
    attempts = fetch(tmp_path, stand_in(tmp_path, a=REFUSES, b="write(b'')"), "a", "b")
    assert [each["mirror"] for each in attempts] == ["a", "b"]
    assert not (tmp_path / "out/about.json").exists()


def test_only_the_registry_that_was_lent_is_spoken_to_without_tls(tmp_path: Path) -> None:
    trivy = stand_in(tmp_path)
    trivy.write_text(trivy.read_text() + "\nsys.stderr.write(str('--insecure' in a)); sys.exit(1)\n")
    attempts = fetch(tmp_path, trivy, "registry:5000/db:2", "registry:50001/db:2", http="registry:5000")
    assert [each["error"] for each in attempts] == ["True", "False"]


def take(folder: Path, origin: str = "") -> Any:  # noqa: ANN401 - as JSON has it
    command = [sys.executable, program.__file__, "take", str(folder / "given"), str(folder / "out"), origin]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        return json.loads(done.stderr)["attempts"][0]["error"]
    return json.loads((folder / "out/about.json").read_text())


def give(folder: Path, files: dict[str, bytes]) -> None:
    (folder / "given").mkdir()
    for name, content in files.items():
        (folder / "given" / name).write_bytes(content)


def test_a_folder_that_is_there_is_taken_with_its_note(tmp_path: Path) -> None:
    give(
        tmp_path, {"trivy.db": bolt(), "metadata.json": json.dumps(METADATA).encode(), "NOTE": b"a fixture\n"}
    )
    about = take(tmp_path)
    assert (about["origin"], about["note"], about["buckets"]) == ("", "a fixture", list(NAMES))


def test_what_an_image_has_is_said_to_be_from_there(tmp_path: Path) -> None:
    give(tmp_path, {"trivy.db": bolt(), "metadata.json": json.dumps(METADATA).encode()})
    assert take(tmp_path, "mirror.example/trivy-db-image:2")["origin"] == "mirror.example/trivy-db-image:2"


def test_the_artifact_s_archive_is_taken(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in (("trivy.db", bolt()), ("metadata.json", json.dumps(METADATA).encode())):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    give(tmp_path, {"db.tar.gz": packed.getvalue()})
    assert take(tmp_path)["buckets"] == list(NAMES)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "there is no trivy.db"),
        ({"trivy.db": bolt()}, "there is no metadata.json"),
        ({"metadata.json": b"{}"}, "there is no trivy.db"),
        ({"db.tar.gz": b"\x1f\x8b\x08 not really"}, "db.tar.gz cannot be unpacked"),
        ({"trivy.db": b"", "metadata.json": b"\0"}, "no bbolt file"),
    ],
)
def test_what_is_no_database_is_told(tmp_path: Path, files: dict[str, bytes], said: str) -> None:
    give(tmp_path, files)
    assert said in take(tmp_path)
