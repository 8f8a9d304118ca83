"""The Dockerfiles are one, everything is pinned, and nothing unexpected gets into a build."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
DOCKERFILES = sorted(ROOT.glob("services/*/Dockerfile"))
COMPOSE_FILES = sorted(ROOT.glob("compose*.yaml"))
OWN_ARGS = re.compile(r"^ARG (SERVICE|PACKAGE|MODULE)=(.*)$", re.MULTILINE)
PINNED = re.compile(r"[a-z0-9./-]+:[\w.-]+@sha256:[0-9a-f]{64}")
SECRET = re.compile(r"KEY|SECRET|PASSWORD|PEPPER|TOKEN")


def _services(path: Path) -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())["services"]
    return services


def _all_services() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path.name, name, service) for path in COMPOSE_FILES for name, service in _services(path).items()]


def test_every_service_that_is_built_has_its_dockerfile() -> None:
    named = {service["build"]["dockerfile"] for _, _, service in _all_services() if "build" in service}
    assert named == {str(path.relative_to(ROOT)) for path in DOCKERFILES}


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_dockerfiles_differ_in_argument_defaults_only(path: Path) -> None:
    first = OWN_ARGS.sub(r"ARG \1", DOCKERFILES[0].read_text())
    assert OWN_ARGS.sub(r"ARG \1", path.read_text()) == first


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_the_defaults_are_those_of_the_service(path: Path) -> None:
    project = tomllib.loads((path.parent / "pyproject.toml").read_text())["project"]["name"]
    (module,) = (
        folder.name for folder in (path.parent / "src").iterdir() if (folder / "__main__.py").is_file()
    )
    expected = {("SERVICE", path.parent.name), ("PACKAGE", project), ("MODULE", module)}
    assert set(OWN_ARGS.findall(path.read_text())) == expected


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_base_images_are_arguments_pinned_by_digest(path: Path) -> None:
    text = path.read_text()
    images = dict(re.findall(r"^ARG (\w+_IMAGE)=(.*)$", text, re.MULTILINE))
    assert images
    assert [image for image in images.values() if not PINNED.fullmatch(image)] == []
    sources = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    stages = re.findall(r"^FROM \S+ AS (\w+)", text, re.MULTILINE)
    assert set(sources) <= {f"${{{name}}}" for name in images} | set(stages)


def test_images_that_are_not_built_here_are_pinned_by_digest() -> None:
    built = {service.get("image") for _, _, service in _all_services() if "build" in service}
    others = [
        service["image"]
        for _, _, service in _all_services()
        if service.get("image", None) not in {*built, None}
    ]
    assert others
    assert [image for image in others if not PINNED.fullmatch(image)] == []


def test_no_secret_has_a_default() -> None:
    found = []
    for file, name, service in _all_services():
        for variable, value in (service.get("environment") or {}).items():
            if SECRET.search(variable) and not str(value).startswith(("${", "/run/secrets/")):
                found.append(f"{file}: {name}: {variable}")
            found += [
                f"{file}: {name}: {variable}: {reference}"
                for reference in re.findall(r"\$\{(\w+[^}]*)\}", str(value))
                if SECRET.search(reference.split(":")[0]) and ":?" not in reference
            ]
    assert found == []


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_only_what_an_image_is_made_of_gets_into_its_build(path: Path) -> None:
    text = path.with_name("Dockerfile.dockerignore").read_text()
    rules = [line for line in text.splitlines() if line and line[0] != "#"]
    assert rules[0] == "*"
    folders = [f"services/{name}" for name in ("common", path.parent.name)]
    sources = [f"!{folder}/{name}" for folder in folders for name in ("pyproject.toml", "src")]
    assert [rule for rule in rules if rule.startswith("!")] == ["!pyproject.toml", "!uv.lock", *sources]
    assert {"**/.env*", "**/__pycache__"} <= set(rules)


def test_the_example_names_every_variable_that_is_needed() -> None:
    needed = set(re.findall(r"\$\{(\w+):\?", (ROOT / "compose.yaml").read_text()))
    needed |= {
        secret["environment"]
        for secret in yaml.safe_load((ROOT / "compose.yaml").read_text())["secrets"].values()
    }
    example = re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert needed <= set(example)
