"""List the files in an image's layers, and collect the facts for the posture rules.

    image_facts.py IMAGE.tar BASE_LAYERS OUTPUT [VARIABLE | NAME=FILE ...]

OUTPUT/found.json is the input of the rules. OUTPUT/files.json lists every entry
above the base, to compare two builds. Variables and files contain values of
secrets that must not be in any layer or in the config; only names are written.
A file that a later layer deletes is still in the image, so secrets are searched
in every layer above the base, everything else in the final file system.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import quote_from_bytes

Json = dict[str, Any]

SHOWN = 20  # paths listed per kind; all are counted
LARGEST = 5  # files listed per layer
JOINED_LIMIT = 1 << 20  # bytes up to which files are also searched without their blanks
TEXT_LIMIT = 1 << 16  # bytes up to which texts are compared line by line
SHORTEST_SECRET = 8  # bytes; shorter values would match by chance
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"

BINARIES = re.compile(r"(?:usr/)?(?:local/)?s?bin/|opt/[^/]+/bin/|root/\.(?:local|cargo)/bin/")
TOOLS = re.compile(
    r"(?:uvx?|pip[\d.]*|pipx|poetry|pdm|conda|mamba|(?:[\w-]+-)?(?:gcc|g\+\+|cc|c\+\+|clang)(?:-[\d.]+)?"
    r"|tcc|rustc|cargo|go|javac|make|cmake|ninja)"
)
INSTALLERS = re.compile(r".*/(?:site-packages/(?:pip|uv)|ensurepip)/__init__\.py")
CACHES = re.compile(
    r"(?:root|home/[^/]+)/(?:\.cache|\.npm|\.cargo/registry|go/pkg/mod)/"
    r"|var/cache/(?:apt|apk|yum|dnf|pip|uv)/|var/lib/apt/lists/|tmp/|var/tmp/"
)
# What uv and virtualenv write into each environment: a file of one line, by its SHA-256, and an empty lock.
VENV_PTH = "69ac3d8f27e679c81b94ab30b3b56e9cd138219b1ba94a1fa3606d5a76a1433d"
VENV_LOCK = re.compile(r".*/\.lock")
# Files that are stores of secrets, by what they begin with: PKCS #12 is a sequence that begins with 3.
STORES = (
    ("a KeePass database", re.compile(rb"\x03\xd9\xa2\x9a[\x65-\x67]\xfb\x4b\xb5")),
    ("a PKCS #12 key store", re.compile(rb"\x30(?:\x80|\x81.|\x82..|\x83...)\x02\x01\x03\x30", re.DOTALL)),
)


@dataclass(frozen=True)
class Entry:
    """An entry of a layer."""

    path: str
    layer: int
    kind: str
    mode: int
    owner: str
    size: int
    target: str = ""
    hashes: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)

    def listed(self) -> Json:
        """Return the entry for files.json, without empty values."""
        known = {"path": self.path, "kind": self.kind, "mode": f"{self.mode:04o}", "owner": self.owner}
        more = {"size": self.size, "target": self.target, "attributes": self.attributes}
        return {**known, **{key: value for key, value in more.items() if value}, **self.hashes}


@dataclass
class Image:
    """The final file system of an image, and findings in its layers."""

    base: int
    values: dict[str, tuple[bytes, ...]]
    tree: dict[str, Entry] = field(default_factory=dict)
    layers: list[Json] = field(default_factory=list)
    listing: list[list[Json]] = field(default_factory=list)
    secrets: list[Json] = field(default_factory=list)

    def add_layer(self, digest: str, blob: IO[bytes]) -> None:
        """Apply a layer to those below it."""
        number = len(self.layers)
        self.layers.append({"digest": digest, "files": 0, "bytes": 0, "wasted": 0, "largest": []})
        entries = []
        with tarfile.open(fileobj=blob, mode="r:*") as tar:
            for member in tar:
                data = None
                if number >= self.base and member.isreg():
                    file = tar.extractfile(member)
                    data = file.read() if file else b""
                entry = _entry(member, number, data)
                if not entry.path:
                    continue
                entries.append(entry)
                if data is not None:
                    self.look_for_secrets(entry.path, data, number)
        self._put(entries)
        layer = self.layers[number]
        files = sorted((e for e in entries if e.kind == "file"), key=lambda e: -e.size)
        layer["files"], layer["bytes"] = len(files), sum(entry.size for entry in files)
        layer["largest"] = [[entry.path, entry.size] for entry in files[:LARGEST]]
        if number >= self.base:
            self.listing.append([entry.listed() for entry in entries])

    def look_for_secrets(self, path: str, data: bytes, layer: int) -> None:
        """Note given values, as they are or encoded, and stores of secrets; Trivy has rules for the rest."""
        joined = b"".join(data.split()) if len(data) <= JOINED_LIMIT else b""
        what = [
            f"the value of {name}"
            for name, forms in self.values.items()
            if any(form in data or form in joined for form in forms)
        ]
        what += [name for name, pattern in STORES if pattern.match(data)]
        self.secrets += [{"path": path, "what": text, "layer": layer} for text in what]

    def _put(self, entries: list[Entry]) -> None:
        """Add an entry. A whiteout hides entries of lower layers, but none of its own layer."""
        for entry in entries:
            folder, _, name = entry.path.rpartition("/")
            if name == OPAQUE:
                self._remove_below(folder)
            elif name.startswith(WHITEOUT):
                path = f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/")
                self._remove(path)
                self._remove_below(path)
        for entry in entries:
            if PurePosixPath(entry.path).name.startswith(WHITEOUT):
                continue
            old = self.tree.get(entry.path)
            if old and old.kind == "folder" and entry.kind != "folder":
                self._remove_below(entry.path)
            self._remove(entry.path)
            self.tree[entry.path] = entry

    def _remove(self, path: str) -> None:
        gone = self.tree.pop(path, None)
        if gone and gone.kind == "file":
            self.layers[gone.layer]["wasted"] += gone.size

    def _remove_below(self, folder: str) -> None:
        for path in [path for path in self.tree if path.startswith(f"{folder}/")]:
            self._remove(path)

    def found(self) -> Json:
        """Return the input of the rules: files that are not from the base, and all tools."""
        own = [entry for entry in self.tree.values() if entry.layer >= self.base]
        files = [entry for entry in own if entry.kind in ("file", "link")]
        return {
            "layers": self.layers,
            "secrets": self.secrets,
            "tools": _named([e for e in self.tree.values() if e.kind != "folder" and _is_tool(e.path)]),
            "setuid": _named([e for e in files if e.mode & 0o6000]),
            "caches": _named([e for e in files if CACHES.match(e.path)]),
            "not_root": _named([e for e in own if e.owner.split(":")[0] != "0"]),
            "writable": _named([e for e in files if e.mode & 0o002 and not _is_lock(e)]),
            "pth": _named([e for e in files if e.path.endswith(".pth") and not _is_of_venv(e)]),
        }


def _is_lock(entry: Entry) -> bool:
    return not entry.size and bool(VENV_LOCK.fullmatch(entry.path))


def _is_of_venv(entry: Entry) -> bool:
    return entry.path.endswith("/_virtualenv.pth") and entry.hashes.get("sha256") == VENV_PTH


def forms(value: bytes) -> tuple[bytes, ...]:
    """Return a secret's value in the forms in which files have it: with other line ends, encoded, escaped.

    Base64 of a text depends on where in it the value begins, so all three ways are there.
    """
    value = value.strip()
    unix = value.replace(b"\r\n", b"\n")
    plain = {value, unix, unix.replace(b"\n", b"\r\n"), b"".join(value.split())}
    plain.add(json.dumps(unix.decode(errors="replace"))[1:-1].encode())
    found = {
        *plain,
        unix.hex().encode(),
        unix.hex().upper().encode(),
        quote_from_bytes(unix, safe="").encode(),
    }
    for text in (unix, unix + b"\n"):
        for before in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                encoded = encode(bytes(before) + text).rstrip(b"=")
                # What a neighbor of the value has a part in is cut off.
                found.add(encoded[(0, 2, 3)[before] : len(encoded) - 1])
    return tuple(sorted(form for form in found if len(form) >= SHORTEST_SECRET))


def _named(entries: list[Entry]) -> Json:
    shown = [{"path": e.path, "owner": e.owner, "mode": f"{e.mode:04o}"} for e in entries[:SHOWN]]
    return {"count": len(entries), "bytes": sum(entry.size for entry in entries), "shown": shown}


def _is_tool(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return bool(
        (BINARIES.fullmatch(f"{folder}/") and TOOLS.fullmatch(name)) or INSTALLERS.fullmatch(f"/{path}")
    )


def _entry(member: tarfile.TarInfo, layer: int, data: bytes | None) -> Entry:
    kinds = {tarfile.DIRTYPE: "folder", tarfile.SYMTYPE: "symlink", tarfile.LNKTYPE: "link"}
    kind = "file" if member.isreg() else kinds.get(member.type, "device")
    prefix = "SCHILY.xattr."
    return Entry(
        path="" if member.name == "." else member.name.removeprefix("./").strip("/"),
        layer=layer,
        kind=kind,
        mode=member.mode,
        owner=f"{member.uid}:{member.gid}",
        size=member.size if kind == "file" else 0,
        target=member.linkname,
        hashes=_hashes(data) if data is not None else {},
        attributes={
            key.removeprefix(prefix): value
            for key, value in member.pax_headers.items()
            if key.startswith(prefix)
        },
    )


def _hashes(data: bytes) -> dict[str, str]:
    """Return the digest of the content, and for texts digests that classify differences."""
    hashes = {"sha256": hashlib.sha256(data).hexdigest()}
    if data and len(data) <= TEXT_LIMIT and b"\0" not in data:
        lines = b"\n".join(sorted(data.splitlines()))
        hashes["sorted"] = hashlib.sha256(lines).hexdigest()[:16]
        hashes["without_numbers"] = hashlib.sha256(re.sub(rb"\d+", b"0", data)).hexdigest()[:16]
    return hashes


def read(image_tar: Path, base: int, values: dict[str, bytes]) -> Image:
    """Read all layers of the one image in the tar, and its config."""
    image = Image(
        base, {name: forms(value) for name, value in values.items() if len(value.strip()) >= SHORTEST_SECRET}
    )
    with tarfile.open(image_tar) as tar:

        def named(name: str) -> IO[bytes]:
            file = tar.extractfile(name)
            if file is None:
                msg = f"{name} is not a file in the image"
                raise ValueError(msg)
            return file

        def blob(digest: str) -> IO[bytes]:
            return named("blobs/" + digest.replace(":", "/", 1))

        index = json.load(named("index.json"))
        manifest = json.load(blob(index["manifests"][0]["digest"]))
        for layer in manifest["layers"]:
            image.add_layer(layer["digest"], blob(layer["digest"]))
        image.look_for_secrets("(config)", blob(manifest["config"]["digest"]).read(), len(image.layers))
    return image


def given(word: str) -> tuple[str, bytes]:
    """Return the name and the value of a secret."""
    name, _, file = word.partition("=")
    return name, Path(file).read_bytes() if file else os.environb[name.encode()]


def main(arguments: list[str]) -> None:
    """Read the arguments and write the two files."""
    try:
        image_tar, base, output, *named = arguments
    except ValueError:
        sys.exit(__doc__)
    values = dict(map(given, named))
    image = read(Path(image_tar), int(base), values)
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "found.json").write_text(json.dumps(image.found()))
    (folder / "files.json").write_text(json.dumps(image.listing))


if __name__ == "__main__":
    main(sys.argv[1:])
