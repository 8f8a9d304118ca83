"""The scan on a real engine: findings, failures, and invalid input."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.engine.image_layouts import jar
from tests.engine.shops import VULNERABLE, Shop, shop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = pytest.mark.engine

FOUND = ("shop", "CVE-2023-37920", "CRITICAL", "certifi", "2022.12.7", "2023.7.22")
# Generated for this test; not valid anywhere.
TOKEN = "ghp_" + "Zx8vQ2mT5rLk9WcB4nYd7HsJ3fGa6PuE1oXi"
KEY = "\n".join(
    [
        "-----BEGIN " + "RSA PRIVATE KEY-----",
        *["MIIEowIBAAKCAQEA" + "q3Zx8vQ2mT5rLk9WcB4nYd7HsJ3fGa6PuE1oXi0tRzKj5bNc" for _ in range(12)],
        "-----END " + "RSA PRIVATE KEY-----",
    ]
)


@pytest.fixture(scope="module")
def vulnerable(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return shop(dagger, tmp_path_factory.mktemp("vulnerable") / "shop", VULNERABLE)


def excepted(until: datetime) -> str:
    entry = {"id": FOUND[1], "statement": "the bundle is not used", "expired_at": f"{until:%Y-%m-%d}"}
    return json.dumps({"vulnerabilities": [entry]})  # JSON is YAML


@pytest.mark.docker_path
def test_a_known_vulnerable_package_fails_with_all_that_is_needed_to_mend_it(vulnerable: Shop) -> None:
    called = vulnerable.scan()
    assert called.code != 0
    assert "Code: scan.failed" in called.error
    row = next(line for line in called.error.splitlines() if FOUND[1] in line)
    assert all(text in row for text in FOUND)
    assert "Traceback" not in called.error


@pytest.mark.docker_path
def test_the_fixed_package_passes(dagger: Dagger, tmp_path: Path) -> None:
    called = shop(dagger, tmp_path / "shop").scan()
    assert called.code == 0, called.error
    assert "passes" in called.stdout


def test_the_report_of_a_red_scan_has_every_format(vulnerable: Shop, tmp_path: Path) -> None:
    called = vulnerable.report("--only", "scan", "export", "--path", str(tmp_path))
    assert called.code == 0, called.error
    out = tmp_path / "scan"
    files = {str(path.relative_to(out)) for path in out.rglob("*")}
    assert {"table.txt", "summary.md", "scan.json", "shop/results.sarif"} <= files
    assert {"shop/sbom.cdx.json", "shop/sbom.spdx.json", "shop/trivy.json"} <= files
    scan = json.loads((out / "scan.json").read_text())
    assert scan["failures"] == ["shop", "(source)"]
    sbom = json.loads((out / "shop" / "sbom.cdx.json").read_text())
    assert "serialNumber" not in sbom
    assert "certifi" in {component["name"] for component in sbom["components"]}


def test_an_exception_lets_it_pass_until_it_ends(dagger: Dagger, tmp_path: Path) -> None:
    here = shop(dagger, tmp_path / "shop", VULNERABLE)
    now = datetime.now(UTC)
    (here.folder / ".trivyignore.yaml").write_text(excepted(now + timedelta(days=60)))
    called = here.scan()
    assert called.code == 0, called.error
    (here.folder / ".trivyignore.yaml").write_text(excepted(now - timedelta(days=1)))
    called = here.scan()
    assert called.code != 0
    assert ".trivyignore.yaml" in called.error
    assert FOUND[1] in called.error


def test_a_planted_key_and_token_are_found_in_image_and_source(dagger: Dagger, tmp_path: Path) -> None:
    here = shop(dagger, tmp_path / "shop")
    (here.folder / "shop" / "app" / "deploy.pem").write_text(KEY + "\n")
    (here.folder / "shop" / "app" / "settings.py").write_text(f'TOKEN = "{TOKEN}"\n')
    called = here.scan()
    assert called.code != 0
    assert "Code: scan.failed" in called.error
    assert "shop, (source)" in called.error
    assert "private-key" in called.error
    assert "github-pat" in called.error
    assert TOKEN not in called.error + called.stdout


def test_a_dockerfile_of_the_compose_file_is_scanned_with_the_source(dagger: Dagger, tmp_path: Path) -> None:
    here = shop(dagger, tmp_path / "shop")
    text = (here.folder / "shop" / "Dockerfile").read_text()
    build = {"context": "shop", "dockerfile_inline": f"{text}USER root\n".replace("$", "$$")}
    (here.folder / "compose.yaml").write_text(json.dumps({"services": {"shop": {"build": build}}}))
    called = here.scan()
    assert called.code != 0
    assert "Code: scan.failed" in called.error
    assert "services.shop.build.dockerfile_inline.Dockerfile" in called.error


def test_settings_of_trivy_in_the_source_let_nothing_pass(dagger: Dagger, tmp_path: Path) -> None:
    here = shop(dagger, tmp_path / "shop")
    (here.folder / "shop" / "app" / "deploy.pem").write_text(KEY + "\n")
    (here.folder / ".trivyignore").write_text("private-key\n")
    (here.folder / "trivy.yaml").write_text("severity: [LOW]\nscan:\n  skip-dirs: [shop]\n")
    called = here.scan()
    assert called.code != 0
    assert "Code: scan.failed" in called.error
    assert "shop, (source)" in called.error
    assert "trivy.yaml, .trivyignore" in called.error


def test_a_comment_in_a_dockerfile_lets_nothing_pass(dagger: Dagger, tmp_path: Path) -> None:
    here = shop(dagger, tmp_path / "shop")
    path = here.folder / "shop" / "Dockerfile"
    path.write_text(f"{path.read_text()}#trivy:ignore:DS-0002\nUSER root\n")
    line = len(path.read_text().splitlines()) - 1
    called = here.scan()
    assert called.code != 0
    assert "Code: scan.failed" in called.error
    assert f"shop/Dockerfile:{line}" in called.error


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=x")
    return git(folder, "rev-parse", "HEAD")


def test_a_key_that_a_later_commit_took_out_is_red_and_named_with_its_first_commit(
    dagger: Dagger, tmp_path: Path
) -> None:
    here = shop(dagger, tmp_path / "shop")
    commit(here.folder)
    key = here.folder / "deploy" / "service.pem"
    key.parent.mkdir()
    key.write_text(f"\n{KEY}\n")
    planted = commit(here.folder)
    key.write_text(f"moved down\n\n{KEY}\n")
    commit(here.folder)
    key.unlink()
    commit(here.folder)
    assert here.scan().code == 0
    called = here.scan("--history", str(here.folder / ".git"))
    assert called.code != 0
    assert "Code: scan.failed" in called.error
    assert "(history)" in called.error
    (row,) = (line for line in called.error.splitlines() if "private-key" in line)
    assert "deploy/service.pem:3" in row
    assert planted[:12] in row
    assert re.search(r"\b4 commits\b", called.error)
    excepted_until = datetime.now(UTC) + timedelta(days=60)
    entry = {"id": "private-key", "statement": "rotated", "expired_at": f"{excepted_until:%Y-%m-%d}"}
    (here.folder / ".trivyignore.yaml").write_text(
        json.dumps({"secrets": [{**entry, "paths": ["deploy/*"]}]})
    )
    called = here.scan("--history", str(here.folder / ".git"))
    assert called.code == 0, called.error


def test_a_clean_history_passes_and_is_in_the_report(dagger: Dagger, tmp_path: Path) -> None:
    here = shop(dagger, tmp_path / "shop")
    commit(here.folder)
    requirements = here.folder / "shop" / "requirements.txt"
    requirements.write_text(f"# one package\n{requirements.read_text()}")
    commit(here.folder)
    words = ["--history", str(here.folder / ".git"), "export", "--path", str(tmp_path / "report")]
    called = here.report("--only", "scan", *words)
    assert called.code == 0, called.error
    out = tmp_path / "report" / "scan"
    assert json.loads((out / "scan.json").read_text())["subjects"]["(history)"]["findings"] == []
    assert "history: 1 texts of 2 commits" in (out / "table.txt").read_text()
    assert (out / "history" / "results.sarif").is_file()


def test_an_unchanged_history_is_not_scanned_again(dagger: Dagger, tmp_path: Path) -> None:
    here = shop(dagger, tmp_path / "shop")
    commit(here.folder)
    (here.folder / "README").write_text(f"{tmp_path}\n")
    commit(here.folder)
    (here.folder / "README").unlink()
    commit(here.folder)
    words = ["--history", str(here.folder / ".git")]
    first = here.scan(*words)
    assert first.code == 0, first.error
    assert any("/history.tar" in command for command in first.executed())
    (here.folder / "NEWS").write_text("an edit that is not committed\n")
    assert not any(
        "trivy" in command and "/history.tar" in command for command in here.scan(*words).executed()
    )


def test_a_folder_that_is_no_git_directory_is_one_error(dagger: Dagger, tmp_path: Path) -> None:
    here = shop(dagger, tmp_path / "shop")
    called = here.scan("--history", str(here.folder))
    assert called.code != 0
    assert "Code: scan.history-not-a-repository" in called.error
    assert "--history" in called.error
    assert "Traceback" not in called.error


def test_a_refused_license_is_red_and_others_are_not(dagger: Dagger, tmp_path: Path) -> None:
    here = shop(dagger, tmp_path / "shop")
    settings = here.folder / "pyproject.toml"
    project = settings.read_text()
    settings.write_text(f'{project}\ndenied-licenses = ["AGPL-3.0", "restricted"]\n')
    called = here.scan()
    assert called.code == 0, called.error
    assert "licenses denied: AGPL-3.0, restricted" in called.stdout
    settings.write_text(f'{project}\ndenied-licenses = ["MPL-2.0"]\n')
    called = here.scan()
    assert called.code != 0
    row = next(line for line in called.error.splitlines() if "MPL-2.0" in line)
    assert "certifi" in row
    assert "denied-licenses" in row


def test_the_database_is_found_without_an_option(vulnerable: Shop) -> None:
    called = vulnerable.call("scan")
    assert called.code != 0
    assert FOUND[1] in called.error


def test_a_database_that_is_none(dagger: Dagger, tmp_path: Path) -> None:
    here = shop(dagger, tmp_path / "shop")
    folder = tmp_path / "database"
    folder.mkdir()
    called = here.call("--database", str(folder), "scan")
    assert called.code != 0
    assert "trivy.db" in called.error
    (folder / "trivy.db").write_bytes(b"no database")
    (folder / "metadata.json").write_text("{}")
    called = here.call("--database", str(folder), "scan")
    assert called.code != 0
    assert "Code: scan.database-unusable" in called.error
    assert "Traceback" not in called.error


def test_unknown_severity_and_mirror_that_is_not_there(vulnerable: Shop) -> None:
    called = vulnerable.scan("--severity", "SEVERE")
    assert called.code != 0
    assert "Code: scan.unknown-severity" in called.error
    assert "'SEVERE'" in called.error
    called = vulnerable.call("--database-mirrors", "127.0.0.1:5000/no/such:2", "scan")
    assert called.code != 0
    assert "no/such:2" in called.error


def test_a_java_archive_is_scanned_with_the_java_database_or_is_a_gap(dagger: Dagger, tmp_path: Path) -> None:
    here = shop(dagger, tmp_path / "shop")
    name = "log4j-core-2.14.1.jar"
    manifest = "Manifest-Version: 1.0\nImplementation-Title: log4j-core\nImplementation-Version: 2.14.1\n"
    (here.folder / "shop" / "app" / name).write_bytes(jar({"META-INF/MANIFEST.MF": manifest}))
    called = here.scan()
    assert called.code != 0
    assert "Code: scan.failed" in called.error
    row = next(line for line in called.error.splitlines() if "CVE-2021-44228" in line)
    assert name in row
    (here.folder / "shop" / "app" / name).unlink()
    bridge = jar({"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\nImplementation-Title: bridge\n"})
    (here.folder / "shop" / "app" / "bridge.jar").write_bytes(bridge)
    called = here.scan()
    assert called.code == 0, called.error
    assert "app/bridge.jar: Trivy read no package of it (accepted gap: file)" in called.stdout
