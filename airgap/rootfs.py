"""An image's root: Debian packages, the recipe's files, wheels, Go programs, its script in a chroot."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import sys
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from airgap.errors import StepFailed
from airgap.layout import EPOCH
from airgap.packages import PASSED_CACHES
from airgap.process import output_of, run
from airgap.recipe import RECIPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airgap.recipe import Debian, Recipe, Wheels

AUTHORITIES = Path("/usr/local/share/ca-certificates")  # where Debian has an administrator put them
_CONTAINED = ("setpriv", "--pdeathsig", "KILL", "sh", str(RECIPES / "contained.sh"))
_PAST_CACHES = tuple(f'--aptopt=Acquire::{each}::No-Cache "true"' for each in ("http", "https"))
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def fill(root: Path, recipe: Recipe, *, work: Path, log: Path, programs: Mapping[str, Path]) -> list[str]:
    """Put into ``root`` what the recipe says, and the ``programs``, by their paths in it.

    Return what a user should know about the packages.
    """
    notes = _debootstrap(root, recipe.debian, work, log) if recipe.debian else []
    for target, source in recipe.files.items():
        _copy(recipe.folder / source, root, target)
    if recipe.wheels:
        _install_wheels(root, recipe, recipe.wheels, work, log)
    for target, program in programs.items():
        _put(_inside(root, target), program.read_bytes(), 0o755)
    if recipe.setup:
        argv = (*_CONTAINED, "sh", str(RECIPES / "enter.sh"), str(root), str(RECIPES), recipe.name)
        run(argv, log=log, env={**proxies(), "SOURCE_DATE_EPOCH": str(EPOCH)})
    return notes


def authorities() -> list[Path]:
    """Return the certificates of the authorities that this host trusts beside Debian's, sorted by name."""
    return sorted(AUTHORITIES.rglob("*.crt"), key=lambda path: path.name)


def version_of(package: str, root: Path) -> str:
    """Return the upstream version of a Debian package that is in ``root``: installed, or told in status.d."""
    database = root / "var/lib/dpkg"
    files = [database / "status", *sorted((database / "status.d").glob("*"))]
    for paragraph in "\n\n".join(file.read_text(encoding="utf-8") for file in files).split("\n\n"):
        if f"Package: {package}" in paragraph.splitlines():
            found = re.search(r"^Version: (?:\d+:)?([0-9.]*[0-9])", paragraph, re.MULTILINE)
            if found:
                return found[1]
    raise KeyError(f"{package} is not installed")


def mirrors(suite: str, *, expired: bool = False) -> Iterator[str]:
    """Yield apt's lines for ``suite``, from the addresses this host has its own Debian packages from.

    With ``expired`` apt accepts lists that are past their date; their signatures are checked all the same.

    None when apt cannot tell: then mmdebstrap takes Debian's own addresses.
    """
    fields = "$(ORIGIN) $(CODENAME) $(REPO_URI)"
    answer = output_of(("apt-get", "indextargets", "--format", fields, "Created-By: Packages")) or ""
    options = f"signed-by={_KEYRING}" + (" check-valid-until=no" if expired else "")
    for line in sorted(set(answer.splitlines())):
        part = re.fullmatch(r"Debian [a-z]+(|-security|-updates) (\S+)", line)
        if part:
            yield f"deb [{options}] {part[2]} {suite}{part[1]} main"


def proxies() -> dict[str, str]:
    """Return the proxies that apt is configured with, as the variables that apt in the chroot reads."""
    options = ("http_proxy", "Acquire::http::Proxy", "https_proxy", "Acquire::https::Proxy")
    answer = output_of(("apt-config", "shell", *options)) or ""
    return dict(word.split("=", 1) for word in shlex.split(answer))


def _debootstrap(root: Path, debian: Debian, work: Path, log: Path) -> list[str]:
    """Fill an empty root; docs and translations stay out, now and whenever packages are added.

    If that fails, try once more past every cache between here and Debian: one of them may have package lists
    that are out of date. Return what a user should know about the lists.
    """
    paths = [f"--dpkgopt=path-exclude={path}" for path in debian.without]
    paths += [f"--dpkgopt=path-include={path}" for path in debian.kept]
    argv = ("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory")
    options = (
        *("--skip=output/dev", "--skip=cleanup/apt/lists"),
        *(f"--include={','.join(debian.packages)}", "--dpkgopt=force-unsafe-io", *paths),
    )
    temporary = work / "mmdebstrap"
    temporary.mkdir()
    where = (debian.suite, str(root), *mirrors(debian.suite, expired=debian.expired))
    env = {**proxies(), "SOURCE_DATE_EPOCH": str(EPOCH), "TMPDIR": str(temporary)}
    notes = []
    try:
        run((*_CONTAINED, *argv, *options, *where), log=log, env=env)
    except StepFailed:
        _empty(root)
        run((*_CONTAINED, *argv, *options, *_PAST_CACHES, *where), log=log, env=env)
        notes.append(PASSED_CACHES)
    (root / "etc/apt/apt.conf.d/99mmdebstrap").unlink(missing_ok=True)  # has the options of that attempt
    notes += past_date(root / "var/lib/apt/lists", datetime.now(UTC))
    _empty(root / "var/lib/apt/lists")
    (root / "etc/hostname").unlink(missing_ok=True)
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    _put(root / "etc/resolv.conf", b"", 0o644)
    for certificate in authorities():
        _put(_inside(root, str(AUTHORITIES / certificate.name)), certificate.read_bytes(), 0o644)
    return notes


def past_date(lists: Path, now: datetime) -> list[str]:
    """Name the suites whose package lists apt accepted although they are past their date; [] if none."""
    found = []
    for file in sorted(lists.glob("*Release")):
        text = file.read_text(encoding="utf-8")
        name = re.search(r"^Codename: (\S+)$", text, re.MULTILINE)
        until = re.search(r"^Valid-Until: (.+)$", text, re.MULTILINE)
        if name and until:
            end = parsedate_to_datetime(until[1]).replace(tzinfo=UTC)
            if end < now:
                found.append(f"{name[1]} (valid until {end:%Y-%m-%d})")
    return [f"accepted package lists of Debian that are past their date: {', '.join(found)}"] if found else []


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _install_wheels(root: Path, recipe: Recipe, wheels: Wheels, work: Path, log: Path) -> None:
    into = _inside(root, wheels.into) if wheels.into else work / "wheels"
    pip = (
        *_CONTAINED,
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-compile",
        "--require-hashes",
    )
    wanted = (
        "--only-binary=:all:",
        f"--platform={wheels.platform}_{platform.machine()}",
        "--python-version=3.13",
    )
    requirements = recipe.folder / "requirements.txt"
    run(
        (*pip, *wanted, "--target", str(into), "-r", str(requirements)),
        log=log,
        env={"PIP_ROOT_USER_ACTION": "ignore"},
    )
    for target, source in wheels.programs.items():
        _put(_inside(root, target), (into / source).read_bytes(), 0o755)


def _copy(source: Path, root: Path, target: str) -> None:
    """Copy a file or a folder; modes do not depend on the checkout's umask."""
    for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
        if path.is_file() and path.suffix != ".pyc":
            place = Path(target) / path.relative_to(source)
            _put(_inside(root, str(place)), path.read_bytes(), 0o755 if os.access(path, os.X_OK) else 0o644)


def _put(path: Path, content: bytes, mode: int) -> None:
    path.write_bytes(content)
    path.chmod(mode)


def _inside(root: Path, target: str) -> Path:
    """Return the place of an absolute path below a root, its folders made; a link must not lead out of it."""
    path = root / target.lstrip("/")
    missing = [folder for folder in path.parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir()
        folder.chmod(0o755)
    if not path.parent.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"{target} leads out of the image's root")
    return path
