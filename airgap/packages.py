"""Debian packages on the host: find missing ones and install them without starting services."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from airgap.errors import AirgapError, StepFailed
from airgap.process import output_of, run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ENGINE_PACKAGES = (
    "containernetworking-plugins",
    "dnsmasq-base",
    "git",
    "iproute2",
    "iptables",
    "pigz",
    "ripgrep",
    "runc",
    "socat",
)

_APT = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=2")
PASSED_CACHES = "fetched the package lists a second time, past every cache"
_PAST_CACHES = ("-o", "Acquire::http::No-Cache=true", "-o", "Acquire::https::No-Cache=true")

# Maintainer scripts start services through these two programs. Mounting over them in a mount namespace leaves
# the host's files unchanged, which a policy-rc.d would not.
_NO_SERVICES = """\
set -eu
for starter in /usr/sbin/invoke-rc.d /usr/bin/deb-systemd-invoke; do
  if [ -e "$starter" ]; then mount --bind /bin/true "$starter"; fi
done
exec "$@"
"""


def on_debian() -> bool:
    """Return whether this machine has Debian's package tools."""
    return sys.platform == "linux" and all(shutil.which(tool) for tool in ("apt-get", "dpkg-query"))


def missing(names: Sequence[str]) -> list[str]:
    """Return the packages that are not fully installed."""
    installed = set()
    for line in _query(names).splitlines():
        name, _, status = line.partition(" ")
        if status == "installed":
            installed.add(name)
    return [name for name in names if name not in installed]


def _query(names: Sequence[str]) -> str:
    # dpkg-query exits with 1 if it does not know a name, but still prints the others.
    argv = (
        "sh",
        "-c",
        "dpkg-query -W -f '${Package} ${db:Status-Status}\\n' \"$@\" 2>/dev/null || :",
        "sh",
        *names,
    )
    answer = output_of(argv)
    if answer is None:
        raise AirgapError("dpkg-query does not answer", hint="run `dpkg-query -W runc` by hand to see why")
    return answer


def install(names: Sequence[str], log: Path) -> str:
    """Install missing packages; fetch package lists only if the present ones do not suffice.

    Return a note as `update` does.
    """
    wanted = missing(names)
    note = ""
    if not wanted:
        return note
    argv = (*_APT, "install", "-y", "--no-install-recommends", "--no-remove", *wanted)
    try:
        _apt_quietly(argv, log)
    except StepFailed as error:
        if "dpkg --configure -a" in error.what:  # apt's advice after a run that was killed in the middle
            _apt_quietly(("dpkg", "--configure", "-a"), log)
        else:
            note = update(log)
        _apt_quietly(argv, log)
    return note


def update(log: Path) -> str:
    """Fetch the package lists; fail if any of them cannot be fetched.

    A second attempt goes past every cache between here and Debian: one of them may have lists that are out of
    date. Return a note if that helped.
    """
    argv = (*_APT, "-o", "APT::Update::Error-Mode=any", "update")
    try:
        run(argv, log=log)
    except StepFailed:
        run((*argv, *_PAST_CACHES), log=log)
        return PASSED_CACHES
    return ""


def extract(name: str, folder: Path, log: Path) -> str:
    """Unpack a package into a folder without installing it; return a note as `update` does."""
    work = folder.parent
    note = ""
    argv = (*_APT, "-o", "APT::Sandbox::User=root", "download", name)
    try:
        run(argv, log=log, cwd=work)
    except StepFailed:
        note = update(log)
        run(argv, log=log, cwd=work)
    (archive,) = work.glob(f"{name}_*.deb")
    run(("dpkg-deb", "--extract", str(archive), str(folder)), log=log)
    return note


def _apt_quietly(argv: Sequence[str], log: Path) -> None:
    run(
        ("unshare", "--mount", "--propagation", "private", "sh", "-c", _NO_SERVICES, "no-services", *argv),
        log=log,
        env={"DEBIAN_FRONTEND": "noninteractive"},
    )
