"""Read the project with Compose, with placeholders in place of secret values.

    compose_config COMPOSE FOLDER OUTPUT REQUEST [ENV_FILE]

REQUEST is JSON: `files`, `profiles`, and whether to create `bake`, the Bake file
of `docker compose build`. Compose writes it only if Buildx is among the plugins
below DOCKER_CONFIG. The result in OUTPUT is JSON: either `error` with Compose's
output `env_files`, `missing` and `of_windows`, or `env_file_error`, or

    model         Compose's output, to be read by Compose again, with each literal `$` doubled
    undoubled     the same without doubling
    bake          the Bake file
    profiles      the profiles of all services, active or not
    placeholders  variables whose values are not in the above, with the text in their place
    plain         given variables whose values are in the above, because Compose has to interpret them
    needed        variables that require a value and have none, with the places that need it
    random        variables that require a value, for which any will do
    unset         variables without value and default, for which Compose uses an empty text
    used          where each variable of the last three is used, as far as Compose reports it
    env_files     the env files of each service
    from_files    the variables of each service that only these set
    missing       the places that use a `.env` that does not exist
    links         for paths with symbolic links: these, and at the end the place that the path leads to
    of_windows    the places with a path that only works on Windows

Every variable of ENV_FILE and every required one gets a placeholder. Compose then
also reads the project with the values. If the results differ, the variables that
cause the difference are passed as plain values. In commands, environments and
similar keys the text as written is used instead, because these may contain
secrets.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ci.container_scripts import compose_env_file as env_file
from ci.container_scripts import compose_links, compose_paths
from ci.container_scripts import compose_report as report
from ci.container_scripts.compose_command import Compose, Json, RefusedError, undoubled
from ci.container_scripts.compose_reading import TEMPLATE, Reading
from ci.container_scripts.compose_variables import PLACEHOLDER


def read(reading: Reading, *, bake: bool) -> Json:
    """Read a project and return the result. Raise `RefusedError` if Compose rejects it."""
    reading.prepare()
    printed, real = reading.read()
    model = printed.json
    at_run, of_builds = report.of_definitions(model)
    reading.required += [
        n for n in (*at_run, *of_builds) if n not in reading.given and n not in reading.required
    ]
    builds = any(service.get("build") for service in model["services"].values())
    written = reading.masked(reading.plain, "build", "--print").json if bake and builds else {}
    used, unset = report.unset(printed, reading.template, reading.given)
    used = report.merged(used, at_run, of_builds)
    needed = report.needed(model, reading.required, reading.numbers, used)
    needed |= {name: places for name, places in of_builds.items() if name not in reading.given}
    random = [name for name in reading.required if name not in needed]
    masked = {*reading.maskable, *reading.required} - reading.numbers.keys()
    files = report.env_files(reading.template, list(model["services"]))
    return {
        "profiles": report.profiles(reading.template),
        "model": reading.patched(printed, real),
        "undoubled": undoubled(model),
        "bake": written,
        "placeholders": {name: PLACEHOLDER.format(name) for name in sorted(masked)},
        "plain": sorted(reading.plain),
        "needed": needed,
        "random": sorted(random),
        "unset": sorted(unset),
        "used": {name: used.get(name, []) for name in sorted({*needed, *random, *unset})},
        "env_files": files,
        "from_files": report.from_files(model, reading.template, files),
        "missing": report.missing(model, files, reading.compose.folder, given=bool(reading.source)),
        "links": compose_links.links(model, [file["path"] for listed in files.values() for file in listed]),
        "of_windows": compose_paths.of_windows(model, files, reading.compose.folder),
    }


def refused(reading: Reading, error: RefusedError) -> Json:
    """Return the result for a rejected project, with the env files that may be the cause."""
    compose = reading.compose
    outcome: Json = {"error": str(error).replace(f"{compose.folder}/", "")}
    try:
        template = compose.run({}, *TEMPLATE).json
    except RefusedError:
        return outcome
    files = report.env_files(template, list(template["services"]))
    missing = report.missing({}, files, compose.folder, given=bool(reading.source))
    of_windows = compose_paths.of_windows(template, files, compose.folder)
    return outcome | {"env_files": files, "missing": missing, "of_windows": of_windows}


def main(binary: str, folder: str, output: str, request: str, source: str = "") -> None:
    """Write the result. Mistakes of the user are results, not crashes."""
    asked = json.loads(request)
    files, profiles = tuple(asked.get("files", ())), tuple(asked.get("profiles", ()))
    compose = Compose(binary, Path(os.path.normpath(folder)), files, profiles, own_values=bool(source))
    reading = Reading(compose, Path(source) if source else None)
    try:
        if reading.source:
            reading.given = env_file.read(binary, reading.source)
        outcome = read(reading, bake=asked.get("bake", False))
    except env_file.EnvFileError as error:
        outcome = {"env_file_error": str(error)}
    except RefusedError as error:
        outcome = refused(reading, error)
    Path(output).write_text(json.dumps(outcome))


if __name__ == "__main__":
    main(*sys.argv[1:])
