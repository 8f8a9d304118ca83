"""Missing Debian packages are installed, even after a killed run, on a copy of this machine.

The copy is an overlay over `/` in the test's own mount namespace, so the host's packages do not change.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from airgap.process import wait_until
from tests.airgap.site import LIMIT, ROOT, ended, kill_group

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.airgap.site import Ended

pytestmark = [pytest.mark.engine, pytest.mark.long]

PACKAGE = "pigz"  # small, and one of those that the engine needs
COPY = """
set -eu
cd "$1"
mkdir layers root shared
mount -t tmpfs -o size=1g copy layers
mkdir layers/upper layers/work
mount -t overlay -o lowerdir=/,upperdir=layers/upper,workdir=layers/work copy root
for folder in /dev /proc /sys; do mount --rbind "$folder" "root$folder"; done
mkdir -p "root$1/shared"
mount --bind shared "root$1/shared"
if [ -d /run/systemd/resolve ]; then  # resolv.conf may be a link into it
  mkdir -p root/run/systemd/resolve
  mount --bind /run/systemd/resolve root/run/systemd/resolve
fi
chroot root dpkg --remove --force-depends "$2" >&2
rm -f root/usr/sbin/policy-rc.d
echo ready
exec cat
"""


@dataclass(frozen=True)
class Copy:
    """A copy of this machine without PACKAGE; ``shared`` is the same folder inside and outside."""

    holder: int
    root: Path
    shared: Path

    @property
    def log(self) -> Path:
        return self.shared / "log"

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """Start a program in it, in the checkout."""
        return subprocess.Popen(
            ("nsenter", f"--mount=/proc/{self.holder}/ns/mnt", "chroot", self.root, "env", "-C", ROOT, *argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def packages(self, call: str) -> subprocess.Popen[str]:
        """Start a call of `airgap.packages` that prints its result; killing it also kills dpkg."""
        script = f"import sys; from pathlib import Path; from airgap import packages as p; print(p.{call})"
        return self.start(
            "unshare", "--pid", "--fork", "--kill-child", sys.executable, "-c", script, str(self.log)
        )

    def ended(self, child: subprocess.Popen[str]) -> Ended:
        done = ended(child)
        assert done.code == 0, f"{done.stderr}\n{self.log.read_text() if self.log.exists() else ''}"
        return done


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    if os.geteuid() != 0:
        pytest.fail("this test needs root; `make test-unit` runs those that do not")
    with subprocess.Popen(
        ("unshare", "--mount", "--propagation", "private", "sh", "-c", COPY, "sh", tmp_path, PACKAGE),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        try:
            yield Copy(holder.pid, tmp_path / "root", tmp_path / "shared")
        finally:
            holder.terminate()


def test_what_is_not_fully_installed_is_missing(copy: Copy) -> None:
    done = copy.ended(copy.packages(f"missing(['{PACKAGE}', 'dpkg', 'no-such-package'])"))
    assert done.stdout == f"['{PACKAGE}', 'no-such-package']\n"


@pytest.mark.parametrize("sign", ["$ ", "Need to get", f"Unpacking {PACKAGE}", f"Setting up {PACKAGE}"])
def test_killed_while_packages_are_installed(copy: Copy, sign: str) -> None:
    install = f"install(['{PACKAGE}', 'dpkg'], Path(sys.argv[1]))"
    child = copy.packages(install)
    assert wait_until(
        lambda: copy.log.exists() and sign in copy.log.read_text(), seconds=LIMIT, every=0.001
    ), copy.log.read_text()
    kill_group(child)
    copy.ended(copy.packages(install))
    assert copy.ended(copy.packages(f"missing(['{PACKAGE}', 'dpkg'])")).stdout == "[]\n"
    assert copy.ended(copy.start("sh", "-c", f"echo through {PACKAGE} | {PACKAGE} | {PACKAGE} -d")).code == 0


def test_no_service_is_started(copy: Copy) -> None:
    witness = copy.shared / "started"
    text = f"#!/bin/sh\ntouch {witness}\n"
    copy.ended(
        copy.start("sh", "-c", 'printf "$1" >/etc/init.d/witness; chmod 755 /etc/init.d/witness', "sh", text)
    )
    starter = ("invoke-rc.d", "--force", "witness", "start")
    copy.ended(copy.packages(f"_apt_quietly({starter}, Path(sys.argv[1]))"))
    assert not witness.exists()
    copy.ended(copy.start(*starter))
    assert witness.exists()
