"""Push many sets through nginx and a proxy that answers errors at random; count what came of it.

    python -m tests.release.soak PUSHES FOLDER [SEED]

Needs docker-registry and nginx (DOCKER_REGISTRY and NGINX_PROGRAM name them). Each push is run until it
completes, as a user would run it again, and after each run the registry is looked at: a tag that points to
anything but a complete set is a wrong state, a push that does not complete in ten runs a dead end. Of the
requests 10, 20 and 30 percent meet a fault, in turns.
"""

from __future__ import annotations

import io
import json
import random
import shutil
import sys
import time
from collections import Counter
from contextlib import redirect_stderr
from pathlib import Path

from ci.container_scripts.registry.__main__ import run
from ci.errors import PipelineError
from tests.release import sets
from tests.release.nginx import nginx
from tests.release.proxy import Cut, Delay, Fault, Lost, Proxy, Request, Status
from tests.release.registry import Registry

SERVICES = ("agent", "gateway")
SETS_PER_REGISTRY = 50
RUNS = 10
PAGE = "<html>\r\n<center><h1>error</h1></center>\r\n<hr><center>nginx</center>\r\n</html>\r\n"
LIMITS = {"seconds": 20.0, "pace": 0.02}


class Chance:
    """A rule for the proxy: every tenth request or so meets a fault."""

    def __init__(self, seed: int, share: float) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the same each time
        self.share = share
        self.met: Counter[str] = Counter()

    def __call__(self, request: Request) -> Fault:
        if self.random.random() >= self.share:
            return None
        faults: tuple[Fault, ...] = (
            *(Status(code, PAGE, {"Content-Type": "text/html"}) for code in (429, 500, 502, 503, 504)),
            *(Lost(502), Lost(504), Lost(), Cut(min(request.size, 1000)), Delay(0.05)),
        )
        fault = self.random.choice(faults)
        self.met[f"{type(fault).__name__} {getattr(fault, 'code', '')}".strip()] += 1
        return fault


def is_wrong(registry: Registry, images: sets.Set, whole: set[str], *, completed: bool) -> bool:
    """Tell whether a tag points to what is not whole, or a completed push is not there.

    `whole` are the digests of sets that were seen to be complete; this one's are added if it is.
    """
    ours = {image.digest for image in images.images}
    found = {digest for name in SERVICES for digest in sets.release_tags(registry, name).values()}
    if not completed and not found & ours:
        return not found <= whole
    try:
        sets.assert_released(registry, images, tags=None if completed else [])
    except AssertionError:
        return True
    whole |= ours
    return not found <= whole


def push(images: sets.Set, registry: Registry, host: str, whole: set[str]) -> tuple[int, int, list[str]]:
    """Run a push until it completes; return the runs, the wrong states, and the errors on the way."""
    wrong = 0
    said: list[str] = []
    for number in range(1, RUNS + 1):
        # Each run labels the layout: it begins with the one that passed.
        for image in images.images:
            layout = image.layout.with_name("pushed")
            shutil.rmtree(layout, ignore_errors=True)
            shutil.copytree(image.layout, layout)
        request = images.request(host, limits=LIMITS)
        for item in request["images"]:
            item["layout"] = str(Path(item["layout"]).with_name("pushed"))
        failed = ""
        try:
            with redirect_stderr(io.StringIO()):
                run("push", request)
        except PipelineError as error:
            failed = error.code
            said.append(f"{error.code}: {error.details.splitlines()[-1] if error.details else error.what}")
        wrong += is_wrong(registry, images, whole, completed=not failed)
        if not failed:
            return number, wrong, said
    return 0, wrong, said


def main(pushes: int, folder: Path, seed: int = 0) -> int:
    sets.BASE_SIZE, sets.OWN_SIZE = 1_500_000, 1_100_000
    runs: Counter[int] = Counter()
    errors: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    wrong = requests = 0
    begun = time.monotonic()
    for start in range(0, pushes, SETS_PER_REGISTRY):
        place = folder / str(start)
        registry = Registry(place / "registry").start()
        whole: set[str] = set()
        chance = Chance(seed + start, 0.1 * (1 + start // SETS_PER_REGISTRY % 3))
        with nginx(registry.port, place / "nginx") as port, Proxy(port) as proxy:
            proxy.rule = chance
            for number in range(start, min(start + SETS_PER_REGISTRY, pushes)):
                made = place / f"set-{number}"
                version = f"1.{start}.{number}"
                images = sets.make(
                    made, version=version, changed="gateway", content=str(start), services=SERVICES
                )
                took, bad, said = push(images, registry, proxy.host, whole)
                runs[took] += 1
                wrong += bad
                errors.update(text.split(":")[0] for text in said)
                shutil.rmtree(made)
            requests += len(proxy.seen)
        faults.update(chance.met)
        registry.stop()
        shutil.rmtree(place)
        figures = {
            "pushes": sum(runs.values()),
            "runs that each took": dict(sorted(runs.items())),
            "wrong states": wrong,
            "dead ends": runs[0],
            "requests": requests,
            "faults": dict(sorted(faults.items())),
            "errors on the way": dict(errors),
            "seconds": round(time.monotonic() - begun),
        }
        sys.stdout.write(json.dumps(figures) + "\n")
        sys.stdout.flush()
    return 1 if wrong or runs[0] else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])))
