"""The parts of an image's build: packages, files, times, configuration, and push. Nothing is built here."""
# ruff: noqa: SLF001 - the parts of a build are tested separately; a complete one needs root and minutes

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airgap import catalogue, images, layout, packages, recipe, rootfs
from airgap.errors import StepFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


REDIS, UV = (next(each for each in catalogue.IMAGES if each.name == name) for name in ("redis", "uv"))


class Runs:
    """Records the commands instead of running them."""

    def __init__(self) -> None:
        self.argv: list[Sequence[str]] = []

    def __call__(self, argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> None:
        assert log.name == "log"
        assert env is None
        self.argv.append(argv)
        for word in argv:
            if word.startswith("--digestfile="):
                Path(word.partition("=")[2]).write_text("sha256:1\n", encoding="ascii")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    found = Runs()
    monkeypatch.setattr(images, "run", found)
    monkeypatch.setattr(layout, "run", found)
    return found


def test_push_gives_every_name_it_stands_for_and_the_digest(runs: Runs, tmp_path: Path) -> None:
    digest = images.push(REDIS, tmp_path / "layout", registry="127.0.0.1:5", log=tmp_path / "log")
    assert digest == "sha256:1"
    assert [argv[-1] for argv in runs.argv] == [
        "docker://127.0.0.1:5/library/redis:7.4.11-alpine",
        "docker://127.0.0.1:5/library/redis:7-alpine",
    ]


def test_push_adds_the_map_to_a_copy(runs: Runs, tmp_path: Path) -> None:
    whole = tmp_path / "layout"
    whole.mkdir()
    images.push(UV, whole, registry="127.0.0.1:5", log=tmp_path / "log")
    insert, copy = runs.argv
    assert insert[:2] == ("umoci", "insert")
    assert insert[-1] == "/images.json"
    assert str(whole) not in " ".join((*insert, *copy))


def test_configure_clears_what_the_base_said(runs: Runs, tmp_path: Path) -> None:
    config = {"Env": ["A=1", "B=2"], "User": "nobody", "Cmd": ["x"]}
    layout.configure(tmp_path, config, {"l": "v"}, log=tmp_path / "log")
    words = runs.argv[0]
    for wanted in ("--clear=config.cmd", "--clear=config.labels", "--config.env=A=1", "--config.env=B=2"):
        assert wanted in words
    assert "--config.user=nobody" in words
    assert "--config.label=l=v" in words
    assert words.index("--clear=config.env") < words.index("--config.env=A=1")


def test_newer_times_become_the_constant(tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    (tmp_path / "old").touch()
    (tmp_path / "link").symlink_to("/nowhere")
    os.utime(tmp_path / "old", (1, 1))
    layout.even_out_times(tmp_path)
    assert [path.lstat().st_mtime for path in (tmp_path, tmp_path / "new", tmp_path / "link")] == [
        layout.EPOCH
    ] * 3
    assert (tmp_path / "old").stat().st_mtime == 1


def test_version_comes_from_dpkg_or_status_d(tmp_path: Path) -> None:
    database = tmp_path / "var/lib/dpkg"
    (database / "status.d").mkdir(parents=True)
    (database / "status").write_text(
        "Package: redis\nVersion: 1-1\n\nPackage: redis-server\nStatus: x\nVersion: 5:8.0.2-3+deb13u2\n\n",
        encoding="utf-8",
    )
    (database / "status.d" / "pg").write_text("Package: pg\nVersion: 17.12-0+deb13u1\n", encoding="utf-8")
    assert rootfs.version_of("redis-server", tmp_path) == "8.0.2"
    assert rootfs.version_of("pg", tmp_path) == "17.12"
    with pytest.raises(KeyError, match="none"):
        rootfs.version_of("none", tmp_path)


SUITE = "Origin: Debian\nCodename: {name}\nDate: Fri, 30 Oct 2026 08:08:01 UTC\n{until}\nSHA256:\n"


def test_lists_that_are_past_their_date_are_named(tmp_path: Path) -> None:
    for name, until in (
        ("forky", "Valid-Until: Fri, 06 Nov 2026 08:08:01 UTC"),
        ("forky-security", "Valid-Until: Sun, 06 Dec 2026 00:53:14 UTC"),
        ("trixie", "Acquire-By-Hash: yes"),
    ):
        file = tmp_path / f"mirror.example_debian_dists_{name}_InRelease"
        file.write_text(SUITE.format(name=name, until=until), encoding="utf-8")
    (note,) = rootfs.past_date(tmp_path, datetime(2026, 11, 30, tzinfo=UTC))
    assert note.endswith(": forky (valid until 2026-11-06)")
    assert rootfs.past_date(tmp_path, datetime(2026, 11, 1, tzinfo=UTC)) == []


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_a_root_that_fails_is_begun_again_past_every_cache(
    failures: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, work = tmp_path / "root", tmp_path / "work"
    root.mkdir()
    work.mkdir()
    past_caches = []

    def bootstrap(argv: Sequence[str], *, log: Path, env: Mapping[str, str]) -> None:
        assert "SOURCE_DATE_EPOCH" in env
        assert list(root.iterdir()) == []
        past_caches.append(any("No-Cache" in word for word in argv))
        for folder in ("etc/apt/apt.conf.d", "var/lib/apt/lists/partial"):
            (root / folder).mkdir(parents=True)
        (root / "var/lib/apt/lists/lock").touch()
        if past_caches[-1]:  # as mmdebstrap does
            (root / "etc/apt/apt.conf.d/99mmdebstrap").write_text("No-Cache")
        if len(past_caches) <= failures:
            raise StepFailed(argv, 100, log=log, output="")

    monkeypatch.setattr(rootfs, "run", bootstrap)
    answer(None, monkeypatch)
    debian = recipe.read("debian").debian
    assert debian
    if failures == 2:
        with pytest.raises(StepFailed):
            rootfs._debootstrap(root, debian, work, tmp_path / "log")
    else:
        notes = rootfs._debootstrap(root, debian, work, tmp_path / "log")
        assert notes == [packages.PASSED_CACHES] * failures
        assert list((root / "var/lib/apt/lists").iterdir()) == []
        assert list((root / "etc/apt/apt.conf.d").iterdir()) == []
    assert past_caches == [False, True][: failures + 1]


def answer(text: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rootfs, "output_of", lambda _argv: text)


def test_packages_come_from_where_the_host_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(
        "Debian bookworm http://mirror.example/debian/\n"
        "Debian bookworm-security http://mirror.example/security/\n"
        "Debian bookworm-backports http://mirror.example/debian/\n"
        " nodistro https://other.example\n"
        "Other Vendor bookworm https://vendor.example\n",
        monkeypatch,
    )
    keyring = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    assert list(rootfs.mirrors("trixie")) == [
        f"deb {keyring} http://mirror.example/debian/ trixie main",
        f"deb {keyring} http://mirror.example/security/ trixie-security main",
    ]


def test_without_an_answer_mmdebstrap_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(None, monkeypatch)
    assert list(rootfs.mirrors("trixie")) == []
    assert rootfs.proxies() == {}


def test_apts_proxy_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    answer("http_proxy='http://proxy.example:3128/'\n", monkeypatch)
    assert rootfs.proxies() == {"http_proxy": "http://proxy.example:3128/"}


def test_copied_files_have_the_modes_of_an_image(tmp_path: Path) -> None:
    source, root = tmp_path / "source", tmp_path / "root"
    (source / "sub").mkdir(parents=True)
    root.mkdir()
    (source / "sub" / "program").touch(0o700)
    (source / "text").touch(0o600)
    (source / "text.pyc").touch()
    before = os.umask(0o077)
    try:
        rootfs._copy(source, root, "/opt/deep/folder")
    finally:
        os.umask(before)
    modes = {str(path.relative_to(root)): path.stat().st_mode & 0o777 for path in root.rglob("*")}
    folder = dict.fromkeys(("opt", "opt/deep", "opt/deep/folder", "opt/deep/folder/sub"), 0o755)
    assert modes == folder | {"opt/deep/folder/sub/program": 0o755, "opt/deep/folder/text": 0o644}


def test_a_link_out_of_the_root_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "usr").mkdir(parents=True)
    (root / "bin").symlink_to("usr")
    (root / "out").symlink_to(tmp_path)
    assert rootfs._inside(root, "/bin/x") == root / "bin" / "x"
    with pytest.raises(ValueError, match="leads out"):
        rootfs._inside(root, "/out/x")
