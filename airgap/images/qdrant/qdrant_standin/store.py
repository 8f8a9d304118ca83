"""Collections on disk: one folder each, with the engine's files and the parameters it was created with."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import qdrant_edge as edge

from . import translate
from .errors import ApiError, engine_errors, missing, wrong

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r'[^/\\<>:"|?*\x00-\x1f]{1,255}')
_PARAMETERS = "parameters.json"  # written last: a folder without it was never finished


@dataclass
class Collection:
    """One collection. Its calls take turns."""

    folder: Path
    shard: edge.EdgeShard
    parameters: dict[str, Any]
    lock: threading.RLock = field(default_factory=threading.RLock)
    operations: int = 0

    def update(self, operation: edge.UpdateOperation) -> int:
        """Carry out a change; it is in the write-ahead log when this returns. Return its number."""
        with self.lock, engine_errors():
            self.shard.update(operation)
            self.operations += 1
            return self.operations - 1

    def info(self) -> dict[str, Any]:
        """Return what Qdrant tells of a collection."""
        with self.lock, engine_errors():
            info = self.shard.info()
        return {
            "status": "green",
            "optimizer_status": "ok",
            "indexed_vectors_count": info.indexed_vectors_count,
            "points_count": info.points_count,
            "segments_count": info.segments_count,
            "config": {"params": self.parameters},
            "payload_schema": {
                name: {"data_type": translate.schema_name(index.data_type), "points": index.points}
                for name, index in info.payload_schema.items()
            },
        }


class Store:
    """All collections below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root / "collections"
        self._lock = threading.Lock()
        self._collections: dict[str, Collection] = {}

    def open(self) -> None:
        """Load what is there; what a killed server left unfinished is removed."""
        self._root.mkdir(parents=True, exist_ok=True)
        for folder in sorted(self._root.iterdir()):
            if (folder / _PARAMETERS).exists():
                parameters = json.loads((folder / _PARAMETERS).read_text(encoding="utf-8"))
                with engine_errors():
                    shard = edge.EdgeShard.load(str(folder / "shard"))
                self._collections[folder.name] = Collection(folder, shard, parameters)
            else:
                shutil.rmtree(folder)

    def close(self) -> None:
        """Write everything to disk; nothing can be done with it afterwards."""
        with self._lock:
            for collection in self._collections.values():
                with collection.lock:
                    collection.shard.flush()
                    collection.shard.close()

    def names(self) -> list[str]:
        """Return the names, sorted."""
        with self._lock:
            return sorted(self._collections)

    def get(self, name: str) -> Collection:
        """Return a collection; 404 when there is none."""
        with self._lock:
            if name not in self._collections:
                raise missing(name)
            return self._collections[name]

    def create(self, name: str, body: dict[str, Any]) -> None:
        """Create a collection; 409 when it is there."""
        if not _NAME.fullmatch(name) or name in (".", ".."):
            raise wrong(f"{name!r} cannot be a collection's name")
        with self._lock:
            if name in self._collections:
                raise ApiError(HTTPStatus.CONFLICT, f"Wrong input: Collection `{name}` already exists!")
            folder = self._root / name
            with engine_errors():
                config = translate.config(body)
                folder.mkdir()
                shard = edge.EdgeShard.create(str(folder / "shard"), config)
            parameters = {"vectors": body["vectors"]}
            _write(folder / _PARAMETERS, json.dumps(parameters))
            self._collections[name] = Collection(folder, shard, parameters)

    def delete(self, name: str) -> bool:
        """Delete a collection; return whether it was there."""
        with self._lock:
            collection = self._collections.pop(name, None)
            if collection is None:
                return False
            with collection.lock:
                (collection.folder / _PARAMETERS).unlink()
                collection.shard.close()
                shutil.rmtree(collection.folder)
            return True


def _write(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
