"""Real builds with each key of `build:` in a compose file."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.engine.images import Image, built, copied, registry, sha256
from tests.release import by_hand
from tests.release.registry import find

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = pytest.mark.engine

Images = dict[str, Image]
OWN = ("Dockerfile", ".dockerignore", "serve.txt")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the fixture, with the address of the registry that builds can reach."""
    folder = copied("keys", tmp_path_factory.mktemp("keys"))
    compose = folder / "compose.yaml"
    compose.write_text(compose.read_text().replace("127.0.0.1:5000", registry()))
    return folder


@pytest.fixture(scope="module")
def keys(dagger: Dagger, source: Path) -> Images:
    return built(dagger, source, source.parent / "report")


def test_a_build_takes_what_the_compose_file_gives_it(dagger: Dagger, source: Path, keys: Images) -> None:
    assert keys["target"].files == {"middle": sha256("middle\n")}
    assert keys["args"].files["of-the-file"] == sha256("a $value with blanks and ${braces}\n")
    labels = keys["labels"].config["Labels"]
    assert {"org.example.team": "shop", "org.example.empty": ""}.items() <= labels.items()
    assert [name for name in labels if name.startswith("com.docker.compose")] == []
    assert keys["network-none"].files == {"interfaces": sha256("lo\n"), "bridge": sha256("no\n")}
    assert keys["network-default"].files == {"interfaces": sha256("eth0\nlo\n"), "bridge": sha256("no\n")}
    assert keys["network-host"].files["bridge"] == sha256("yes\n")
    assert keys["limits"].files == {
        "hosts": sha256("192.0.2.7 stock.invalid\n2001:db8::7 six.invalid\n"),
        "shm": sha256(f"{48 * 1024}\n"),
        "limits": sha256("321 654 4321\n"),
    }
    assert keys["cache-from"].files == keys["cache-to"].files == {"cached": sha256("cached\n")}
    (source / "changed").write_text(str(time.time()))
    again = built(dagger, source, source.parent / "report")
    assert again["no-cache"].files["first"] != keys["no-cache"].files["first"]
    assert again["no-cache-filter"].files["second"] != keys["no-cache-filter"].files["second"]
    random = {"no-cache", "no-cache-filter"}
    digests = [
        {name: image.data["digest"] for name, image in images.items() if name not in random}
        for images in (keys, again)
    ]
    assert digests[0] == digests[1]


def test_a_build_writes_the_cache_that_cache_to_names(keys: Images) -> None:
    assert keys["cache-to"].files
    assert by_hand.get_manifest(registry(), "tests/cache-of-a-build", "1")


def test_a_dockerfile_of_the_compose_file_is_in_no_context(source: Path, keys: Images) -> None:
    others = [path.name for path in (source / "app").glob("*.Dockerfile")]
    assert set(keys["inline"].files) == {f"all/{name}" for name in (*OWN, *others)}
    assert keys["inline"].config["Cmd"] == ["${NOT_OF_COMPOSE}"]


def test_text_of_the_compose_file_may_have_percent_signs(dagger: Dagger, tmp_path: Path) -> None:
    image = built(dagger, copied("percent", tmp_path), tmp_path / "report")["percent"]
    assert image.files == {
        "args": sha256("a %{percent} %%{twice}\n"),
        "inline": sha256("%{http_code}\n"),
    }
    assert image.config["Labels"]["org.example.text"] == "%{percent} ${dollar}"


@pytest.fixture(scope="module")
def contexts(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> Images:
    folder = tmp_path_factory.mktemp("contexts")
    source = copied("keys", folder)
    (source / "contexts.yaml").replace(source / "compose.yaml")
    return built(dagger, source, folder / "report")


def test_additional_contexts_are_folders_images_and_services(contexts: Images) -> None:
    files = contexts["folders"].files
    assert {path for path in files if not path.startswith("all/")} == {
        *("taken/kept", "taken/more/x.log", "page", "docs-bound/index", "docs-bound/sub/page"),
    }
    assert {f"all/{name}" for name in OWN} <= set(files)
    assert contexts["image"].files["one"] == sha256("from the tools\n")
    assert "PYTHON_VERSION" in contexts["image"].variables
    assert "PYTHON_VERSION" in contexts["replaced"].variables
    assert {"base", "base-seen", "page-of-folders"} == set(contexts["service"].files)
    assert contexts["service"].files["base-seen"] == sha256("base\n")
    assert contexts["service"].files["page-of-folders"] == sha256("page\n")


@pytest.mark.parametrize(
    ("service", "files"),
    [
        ("image", {"one"}),
        ("replaced", {"middle", "last"}),
        ("service", {"base", "base-seen", "page-of-folders"}),
    ],
)
def test_the_base_may_come_from_an_additional_context(
    contexts: Images, service: str, files: set[str]
) -> None:
    assert set(contexts[service].files) == files
    assert len(contexts[service].base) == (1 if service == "service" else 2)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    """Run an SSH agent with one key; return its socket."""
    key, place = tmp_path / "key", tmp_path / "agent.sock"
    ssh_agent = find("SSH_AGENT", "ssh-agent", "apt-get install openssh-client")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "key-of-a-test", "-f", key], check=True
    )
    running = subprocess.Popen([ssh_agent, "-D", "-a", place], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while not place.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    subprocess.run(["ssh-add", "-q", key], env={**os.environ, "SSH_AUTH_SOCK": str(place)}, check=True)
    yield str(place)
    running.terminate()
    running.wait()


def test_a_build_takes_the_ssh_agent_it_is_given(dagger: Dagger, agent: str, tmp_path: Path) -> None:
    # A cached run would not need an agent.
    source = copied("ssh", tmp_path)
    (source / "keys.py").write_text(f"# {time.time()}\n{(source / 'keys.py').read_text()}")
    image = built(dagger, source, tmp_path / "report", "--ssh-agent", agent)["with-agent"]
    assert image.files["keys"] == sha256("key-of-a-test\n")
