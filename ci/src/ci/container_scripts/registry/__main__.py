"""Push a set of images all or none, promote it, or verify it.

    python3 -m ci.container_scripts.registry COMMAND REQUEST.json OUTCOME.json

Commands are `push`, `verify`, and these: `key` tries the key that a push would sign
with; `reach` checks that the registries answer, accept the credentials and can be written to; `find` reads
the release that an image was published in; `evidence` reads or writes what gates have proven, and `images`
finished images.

Progress is printed on the error stream. The outcome is {"error": …} with exit code 10, or what is in the
registry now. Passwords come as files, and are in no argument and no variable.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ci.container_scripts.registry import attachments, documents, evidence, images, platforms, tagging
from ci.container_scripts.registry.access import endpoints
from ci.container_scripts.registry.cosign import Cosign
from ci.container_scripts.registry.pool import each
from ci.container_scripts.registry.upload import Upload, from_layout, from_registry, upload
from ci.errors import PipelineError
from ci.registry import referrers
from ci.registry.client import Client
from ci.registry.retrying import Limits, RegistryError, say
from ci.release import history, manifest, plan, stored

Json = dict[str, Any]
# Not 1: that is how Python ends when it crashes.
REFUSED = 10
_STORES = {"evidence": evidence.run, "images": images.run}


def image_of(item: Json) -> plan.Image:
    """Return what the plan needs of a requested image."""
    return plan.Image(
        service=item["service"],
        repository=item["repository"],
        digest=item["digest"],
        fixed=tuple(item["fixed"]),
        moving=tuple(item["moving"]),
        version=item.get("version", ""),
        created=item.get("created", ""),
        revision=item.get("revision", ""),
        replace_commit_tag=item.get("replace_commit_tag", False),
    )


def history_of(request: Json) -> history.History:
    """Return the repository's commits if the request has them."""
    if not request.get("history"):
        return history.History()
    folder = Path(request["history"])
    texts = [(folder / name).read_text(errors="replace") for name in ("log", "tags")]
    return history.read(*texts, shallow=(folder / "shallow").exists())


def source(client: Client, item: Json) -> Upload:
    """Return where an image comes from and goes to."""
    if "layout" in item:
        return from_layout(item["layout"], item["repository"], item["digest"])
    return from_registry(client, item["from"], item["repository"], item["digest"])


def attach(client: Client, item: Json, *, new: bool) -> None:
    """Attach what belongs to an image, from files or from where it was released, and verify it.

    What is attached to a `new` image, which was not there before, need not be looked for.
    """
    subject = f"{item['repository']}@{item['digest']}"
    if "from" in item:
        # All of it, a signature as well, and what was added since the last time.
        referrers.copy(client, f"{item['from']}@{item['digest']}", subject)
        verify(client, item)
        return
    if new or not complete(client, item):
        attachments.attach(client, subject, item["attachments"])
        verify(client, item)


def complete(client: Client, item: Json) -> bool:
    """Tell whether an image has what belongs to it already."""
    try:
        verify(client, item)
    except RegistryError:
        raise
    except PipelineError:
        return False
    return True


def verify(client: Client, item: Json, *, repository: str = "") -> Json:
    """Check one image's SBOM and provenance; `repository` is where, else the one it goes to."""
    subject = f"{repository or item['repository']}@{item['digest']}"
    expected = {"sbom": item.get("sbom", ""), "statement": item.get("provenance", "")}
    found = attachments.verify(client, subject, **expected)
    say(f"{subject} has an SBOM and a provenance that fit")
    return {"service": item["service"], "reference": subject, **found}


def cosign_of(request: Json, folder: Path, client: Client) -> Cosign | None:
    """Return what signs or checks signatures, if the request has a key for it."""
    signing: Json = request.get("signing", {})
    if not signing:
        return None
    cosign = Cosign(request["cosign"], folder, client)
    if "public_key_file" in signing:
        cosign.take_public(Path(signing["public_key_file"]))
    else:
        file = signing.get("password_file")
        password = Path(file).read_text().rstrip("\r\n") if file else ""
        cosign.take_private(Path(signing["key_file"]), password)
    return cosign


def check(client: Client, cosign: Cosign | None, item: Json, require: list[str]) -> list[Json]:
    """Check one image where it is, for each platform: its evidence, and its signature if there is a key."""
    signature = "valid" if cosign is not None else "not checked"
    rows: list[Json] = []
    if "platforms" in item:
        platforms.read(client, item, item["repository"])
        subject = f"{item['repository']}@{item['digest']}"
        if cosign is not None:
            cosign.verify(subject)
        rows.append(
            {"service": item["service"], "reference": subject, "sbom": "-", "provenance": "-"}
            | {"signature": signature}
        )
    for part in platforms.parts(item):
        found = verify(client, part)
        signed = cosign.verify(found["reference"]) if cosign else None
        attachments.require(client, found["reference"], require, signed, platform=part.get("platform", ""))
        rows.append({**found, "signature": signature, "platform": part.get("platform", "")})
    return rows


def push(client: Client, cosign: Cosign | None, request: Json, folder: Path) -> Json:
    """Bring the set in, sign it, then move its tags; a dry run only looks.

    With `reach` in the request, first check that all repositories accept a push, because nothing has yet.
    """
    limit: int = request["parallel"]
    if request.get("reach"):
        each(request["images"], lambda item: reach(client, item["repository"]), limit=limit)
    items = _ready(client, request, folder)
    images = [image_of(item) for item in items]
    states = tagging.read(client, images, limit=limit, first=True)
    commits = history_of(request)
    planned = plan.make(images, states, history=commits)
    if request["dry_run"]:
        return released(request, items, outcome(items, planned, [0] * len(items), planned.moves))
    parts = [part for item in items for part in platforms.parts(item)]
    uploads = each(parts, lambda part: source(client, part), limit=limit)
    known = {repository: state.blobs for repository, state in states.items()}
    sent = upload(client, uploads, known, limit=limit)
    pairs = list(zip(parts, sent, strict=True))
    each(pairs, lambda pair: attach(client, pair[0], new=bool(pair[1])), limit=limit)
    indexes = platforms.indexes(items)
    sent = platforms.total(items, sent, upload(client, indexes, known, limit=limit))
    each(items, lambda item: platforms.copy(client, item), limit=limit)
    uploads += indexes
    if cosign is not None:
        items = platforms.signed(cosign, items, limit=limit)
    settled = planned
    if planned.rounds:
        started = time.monotonic()
        manifests = {item.digest: item.manifest for item in uploads}
        settled = tagging.settle(client, images, states, manifests, history=commits, limit=limit)
        say(f"all tags are in place after {time.monotonic() - started:.1f} s")
    result = released(request, items, outcome(items, settled, sent, planned.moves))
    release = manifest.read(result["release"])
    tagged = {image.reference for image in release.images}
    contents = {item.reference: item.manifest for item in uploads if item.reference in tagged}
    documents.store(client, release, contents, limit=limit)
    return result


def _ready(client: Client, request: Json, folder: Path) -> list[Json]:
    """Make the images that are released, or check those that are promoted where they come from."""
    items: list[Json] = request["images"]
    if "from" not in items[0]:
        return [platforms.prepared(item, request["origin"], request["builder"], folder) for item in items]
    limit: int = request["parallel"]
    items = each(items, lambda item: platforms.read(client, item, item["from"]), limit=limit)
    parts = [part for item in items for part in platforms.parts(item)]
    each(parts, lambda part: verify(client, part, repository=part["from"]), limit=limit)
    return items


def released(request: Json, items: list[Json], result: Json) -> Json:
    """Return the result with the release's document."""
    release = stored.compose(request["release"], [item["facts"] for item in items], result["images"])
    return {**result, "release": manifest.write(release)}


def outcome(items: list[Json], made: plan.Plan, sent: list[int], moved: tuple[plan.TagUpdate, ...]) -> Json:
    """Return, image by image, the tags that it has (or would have), what stays, and what was sent."""
    held = {(item.service, item.tag): item.by for item in made.held}
    return {
        "images": [
            {
                **{key: item[key] for key in ("service", "digest", "sbom", "provenance")},
                "reference": f"{item['repository']}@{item['digest']}",
                "tags": [
                    tag
                    for tag in (*made.fixed[item["service"]], *item["moving"])
                    if (item["service"], tag) not in held
                ],
                "moved": [move.tag for move in moved if move.repository == item["repository"]],
                "held": {tag: by for (service, tag), by in held.items() if service == item["service"]},
                "sent": count,
                "signature": item.get("signature", ""),
                "platforms": [
                    {key: part[key] for key in ("platform", "digest", "sbom", "provenance", "facts")}
                    for part in item.get("platforms", ())
                ],
            }
            for item, count in zip(items, sent, strict=True)
        ]
    }


def reach(client: Client, repository: str) -> None:
    """Refuse a repository that cannot be pushed to: better now than after all the work."""
    if client.check_readable(repository):
        client.check_writable(repository)


def run(command: str, request: Json) -> Json:
    """Run one command."""
    limit: int = request["parallel"]
    limits = Limits(**request.get("limits", {}))
    with tempfile.TemporaryDirectory() as name, Client(endpoints(request["registries"]), limits) as client:
        if command == "reach":
            each(request["repositories"], lambda repository: reach(client, repository), limit=limit)
            return {"images": []}
        if command == "find":
            return {"images": [], "release": documents.find(client, request["reference"])}
        if command in _STORES:
            return _STORES[command](client, request, limit=limit)
        folder = Path(name)
        cosign = cosign_of(request, folder, client)
        if command == "push":
            return push(client, cosign, request, folder)
        images: list[Json] = request["images"]
        gates: list[str] = request.get("require", [])
        rows = each(images, lambda item: check(client, cosign, item, gates), limit=limit)
        return {"images": [row for of_item in rows for row in of_item]}


def main(command: str, request: str, outcome_file: str) -> int:
    """Write the outcome, whichever it is; return the exit code."""
    if command not in {"push", "verify", "key", "reach", "find", *_STORES}:
        sys.exit(__doc__)
    try:
        result = run(command, json.loads(Path(request).read_text()))
    except PipelineError as error:
        passed_on = ("code", "what", "details", "hint")
        result = {"error": {key: getattr(error, key) for key in passed_on}}
    Path(outcome_file).write_text(json.dumps(result))
    return REFUSED if "error" in result else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
