"""Finished images in the repository of a layer cache: stored from tars, fetched as such."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING, Any

from tests.release import sets
from tests.release.proxy import Status
from tests.release.rules import every

if TYPE_CHECKING:
    from pathlib import Path

    from tests.release.proxy import Proxy
    from tests.release.registry import Registry

REPOSITORY = "shop/cache"
ABSENT = "sha256:" + "0" * 64


def packed(layout: Path) -> Path:
    """Pack a layout as Bake does."""
    file = layout.with_suffix(".tar")
    with tarfile.open(file, "w") as archive:
        for path in sorted(layout.rglob("*")):
            archive.add(path, str(path.relative_to(layout)), recursive=False)
    return file


def contents(packed: Path) -> dict[str, bytes]:
    with tarfile.open(packed) as archive:
        members = [member for member in archive if member.isfile()]
        opened = {member.name.removeprefix("./"): archive.extractfile(member) for member in members}
        return {name: file.read() for name, file in opened.items() if file}


def digest_in(layout: Path) -> str:
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    return str(entry["digest"])


def request(host: str, **asked: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    registries = [{"host": host, "plain_http": True}]
    return {
        "registries": registries,
        "repository": f"{host}/{REPOSITORY}",
        "parallel": 4,
        "limits": sets.LIMITS,
        **asked,
    }


def store(host: str, release: sets.Set, folder: Path) -> dict[str, str]:
    """Store all images of a set and return their digests."""
    files = [str(packed(image.layout)) for image in release.images]
    run = sets.run(request(host, files=files), folder / "store", "images")
    assert (run.code, run.outcome) == (0, {"problems": []})
    return {image.service: digest_in(image.layout) for image in release.images}


def fetch(host: str, digests: dict[str, str], folder: Path) -> dict[str, Any]:
    """Fetch images and return the outcome; they are in the folder `got`."""
    (folder / "got").mkdir()
    asked = request(host, digests=digests, folder=str(folder / "got"))
    run = sets.run(asked, folder / "fetch", "images")
    assert run.code == 0
    return run.outcome


def test_what_is_stored_is_fetched_as_it_was(
    registry: Registry, proxy: Proxy, release: sets.Set, tmp_path: Path
) -> None:
    digests = store(proxy.host, release, tmp_path)
    tags = registry.tags(REPOSITORY)
    assert tags == {f"image-{digest.partition(':')[2]}": digest for digest in digests.values()}
    before = [each.path for each in proxy.seen if each.method == "PUT"]
    assert store(proxy.host, release, tmp_path) == digests
    assert [each.path for each in proxy.seen if each.method == "PUT"] == before
    outcome = fetch(proxy.host, {**digests, "absent": ABSENT}, tmp_path)
    assert outcome == {"names": sorted(digests), "problems": []}
    for image in release.images:
        got, made = contents(tmp_path / "got" / f"{image.service}.tar"), contents(packed(image.layout))
        assert digest_in_index(got) == digest_in_index(made) == digests[image.service]
        assert {name: got[name] for name in made if name.startswith("blobs/")} == {
            name: content for name, content in made.items() if name.startswith("blobs/")
        }
    assert sorted(path.name for path in (tmp_path / "got").iterdir()) == [
        f"{name}.tar" for name in sorted(digests)
    ]
    # The layer that all share came once.
    read = [each.path for each in proxy.seen if each.method == "GET" and "/blobs/" in each.path]
    assert len(read) == len(set(read))


def digest_in_index(files: dict[str, bytes]) -> str:
    (entry,) = json.loads(files["index.json"])["manifests"]
    return str(entry["digest"])


def test_a_damaged_image_is_not_fetched(registry: Registry, release: sets.Set, tmp_path: Path) -> None:
    digests = store(registry.host, release, tmp_path)
    manifest = json.loads(contents(packed(release.images[0].layout))[blob(digests["agent"])])
    hashed = manifest["layers"][-1]["digest"].partition(":")[2]
    place = registry.folder / "data" / "docker" / "registry" / "v2" / "blobs" / "sha256"
    (place / hashed[:2] / hashed / "data").write_bytes(b"another layer")
    outcome = fetch(registry.host, digests, tmp_path)
    assert outcome["names"] == []
    (problem,) = outcome["problems"]
    assert hashed in problem
    assert list((tmp_path / "got").iterdir()) == []


def blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def test_what_is_no_image_is_not_fetched(registry: Registry, release: sets.Set, tmp_path: Path) -> None:
    assert sets.run(release.request(registry.host), tmp_path / "push").code == 0
    tags = registry.tags("shop/agent")
    (referrers,) = [digest for tag, digest in tags.items() if tag.startswith("sha256-")]
    asked = request(registry.host, digests={"agent": referrers}, folder=str(tmp_path))
    asked["repository"] = f"{registry.host}/shop/agent"
    outcome = sets.run(asked, tmp_path / "fetch", "images").outcome
    assert outcome == {"names": [], "problems": ["no image can be fetched: damaged (KeyError)"]}


def test_a_registry_that_refuses_is_a_problem_and_no_error(
    proxy: Proxy, release: sets.Set, tmp_path: Path
) -> None:
    proxy.rule = every("PUT", "/manifests/", Status(403))
    files = [str(packed(image.layout)) for image in release.images]
    run = sets.run(request(proxy.host, files=files), tmp_path / "store", "images")
    assert run.code == 0
    (problem,) = run.outcome["problems"]
    assert problem.startswith("not stored: ")
    proxy.rule = every("GET", "/v2/", Status(403))
    outcome = fetch(proxy.host, {"web": ABSENT}, tmp_path)
    assert outcome["names"] == []
    assert outcome["problems"][0].startswith("no image can be fetched: ")
