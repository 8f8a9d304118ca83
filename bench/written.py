"""What the pipeline writes for one service's init: `python -m bench.written OUTCOME IMAGE SERVICE`.

OUTCOME is what `ci.container_scripts.compose_config` wrote, IMAGE the service's image as a tar. Prints JSON:
`config` is the init's configuration, `environment` what the container has beside its image's. A program of
its own: it needs to find `ci` (PYTHONPATH), as nothing else of the bench does.
"""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path
from typing import Any

from ci.compose import model
from ci.container_scripts.layout import read_image
from ci.stack import plan, settings


def written(outcome: str, image: dict[str, Any], service: str) -> dict[str, Any]:
    """Return configuration and environment, as for a stack of all services."""
    project = model.read(outcome)
    planned = plan.make(project, project.services, {}).containers[service]
    return {
        "config": settings.configuration(planned, image, {}),
        "environment": {**planned.environment, **planned.secret_environment},
    }


def main(words: list[str]) -> None:
    """Print it."""
    outcome, image, service = words
    with tarfile.open(image) as archive:
        _, _, config = read_image(archive)
    print(json.dumps(written(Path(outcome).read_text(), config.get("config") or {}, service)))


if __name__ == "__main__":
    main(sys.argv[1:])
