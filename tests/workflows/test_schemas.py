"""Workflows and examples have the shape that their systems' own schemas describe."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from airgap.engine import configuration
from airgap.engineimage import REFERENCE
from airgap.settings import Settings
from tests.workflows.runner import ROOT, WORKFLOWS, read, scripts

CHECK = Path(sys.executable).parent / "check-jsonschema"
EXAMPLES = ROOT / "docs" / "examples"
GITLAB, AZURE = EXAMPLES / "gitlab-ci.yml", EXAMPLES / "azure-pipelines.yml"
KUBERNETES, VALUES = (EXAMPLES / "kubernetes" / name for name in ("manifest.yaml", "values.yaml"))
# Functions that every system has to call; GitHub's are found in its workflows.
FUNCTIONS = {"report", "gate", "publish", "release", "releases", "drift", "scan"}


def found(schema: str, file: Path, *options: str) -> str:
    """Return what is wrong with a file, or ""."""
    command = [str(CHECK), "--builtin-schema", f"vendor.{schema}", *options, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.stdout + done.stderr if done.returncode else ""


def azure(text: str, folder: Path) -> str:
    # Azure reads every scalar as text, and so does its schema.
    (folder / "pipeline.yml").write_text(text)
    file = folder / "pipeline.json"
    file.write_text(json.dumps(read(folder / "pipeline.yml")))
    return found("azure-pipelines", file, "--regex-variant", "nonunicode")


def gitlab(text: str, folder: Path) -> str:
    file = folder / "pipeline.yml"
    file.write_text(text)
    return found("gitlab-ci", file, "--data-transform", "gitlab-ci")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_one_of_github(path: Path) -> None:
    assert found("github-workflows", path) == ""


def test_the_example_is_a_pipeline_of_gitlab(tmp_path: Path) -> None:
    text = GITLAB.read_text()
    assert gitlab(text, tmp_path) == ""
    assert "resource_grup" in gitlab(text.replace("resource_group", "resource_grup"), tmp_path)


def test_the_example_is_a_pipeline_of_azure(tmp_path: Path) -> None:
    text = AZURE.read_text()
    assert azure(text, tmp_path) == ""
    assert azure(text.replace("condition:", "conditon:"), tmp_path)


def kubernetes(text: str, folder: Path) -> str:
    file = folder / "manifest.yaml"
    file.write_text(text)
    command = [str(CHECK.with_name("kubernetes-validate")), "--strict", "--quiet", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.stdout + done.stderr if done.returncode else ""


def test_the_engine_s_manifest_is_one_of_kubernetes(tmp_path: Path) -> None:
    text = KUBERNETES.read_text()
    assert kubernetes(text, tmp_path) == ""
    assert "privilegd" in kubernetes(text.replace("privileged:", "privilegd:"), tmp_path)


def test_the_engine_s_manifest_has_the_values_beside_it_and_what_the_pipeline_needs() -> None:
    values = yaml.safe_load(VALUES.read_text())["engine"]
    config, engine = yaml.safe_load_all(KUBERNETES.read_text())
    (container,) = engine["spec"]["template"]["spec"]["containers"]
    assert engine["kind"] == values["kind"]
    assert container["image"] == REFERENCE
    assert container["securityContext"]["privileged"]  # the sandbox's Docker Engine runs in it
    assert container["resources"] == values["resources"]
    (claim,) = engine["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"] == values["statefulSet"]["persistentVolumeClaim"]["resources"]
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert mounts["data"] == "/var/lib/dagger"
    settings = json.loads(values["configJson"])
    assert json.loads(config["data"]["engine.json"]) == settings
    known = configuration(Settings(Path("/unused")))
    assert settings.keys() <= known.keys()
    assert settings["gc"].keys() == dict(known["gc"]).keys()  # type: ignore[call-overload]


def called(*paths: Path) -> set[str]:
    words = [word for path in paths for script in scripts(read(path)) for word in script.split()]
    assert "dagger" in words
    return FUNCTIONS & set(words)


def test_all_systems_call_the_same_functions() -> None:
    assert called(*WORKFLOWS) == called(GITLAB) == called(AZURE) == FUNCTIONS
