"""Effects of instructions: mounts, owners, modes, downloads, contexts, and files that contain a time."""

from __future__ import annotations

import io
import secrets
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.engine.images import Image, built, copied, push_base, registry, sha256

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = pytest.mark.engine

Images = dict[str, Image]
PLAIN = sha256("plain\n")
WORDS = ("word-that-no-image-has", "word-of-the-index")


def project(folder: Path) -> Path:
    """Complete the fixture with files that Git cannot store or that depend on this machine."""
    push_base("tests/copies-its-context:1", OnBuild=["COPY . /app", "RUN ls /app > /listed"])
    source = copied("steps", folder)
    for path in source.glob("*.Dockerfile"):
        path.write_text(path.read_text().replace("127.0.0.1:5000", registry()))
    with tarfile.open(source / "vendor.tar.gz", "w:gz") as archive:
        for name, content in (("vendor", None), ("vendor/lib.py", b"PRICE = 5\n")):
            member = tarfile.TarInfo(name)
            member.uid, member.gid = 1234, 2345
            member.type, member.mode = (
                (tarfile.DIRTYPE, 0o755) if content is None else (tarfile.REGTYPE, 0o640)
            )
            member.size = len(content or b"")
            archive.addfile(member, io.BytesIO(content or b""))
    return source


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("steps"))


@pytest.fixture(scope="module")
def steps(dagger: Dagger, source: Path) -> Images:
    return built(dagger, source, source.parent / "report")


def owner(image: Image, path: str) -> tuple[str, str]:
    """Return the owner and the mode of a path."""
    return image.entries[path]["owner"], image.entries[path]["mode"]


def test_a_cache_belongs_to_the_user_that_the_mount_names(steps: Images) -> None:
    assert steps["cache-of-user"].files == {
        "tmp/seen": sha256("4321:4322 750\n"),
        "tmp/left": sha256("left\nseen\n"),
    }


def test_a_build_secret_is_there_for_one_step(steps: Images) -> None:
    image = steps["secret"]
    outer = sha256("url = https://outer.invalid\n")
    assert image.files == {"used": sha256("yes\n"), "etc/index.conf": outer}
    assert owner(image, "etc/index.conf") == ("0:0", "0644")
    assert "WORD" not in image.variables
    assert [word for word in WORDS if word in str(image.data["config"])] == []


@pytest.mark.usefixtures("steps")
def test_the_value_of_a_build_secret_is_in_no_layer(dagger: Dagger, source: Path, tmp_path: Path) -> None:
    words = ("image", "--service", "secret", "as-tarball", "export", "--path", str(tmp_path / "image.tar"))
    called = dagger.call("--source", str(source), *words)
    assert called.code == 0, called.error
    with tarfile.open(tmp_path / "image.tar") as image:
        blobs = [image.extractfile(member) for member in image.getmembers() if member.isfile()]
        contents = [unpacked(blob.read()) for blob in blobs if blob]
    assert any(b"https://outer.invalid" in content for content in contents)
    assert [word for word in WORDS if any(word.encode() in content for content in contents)] == []


def unpacked(blob: bytes) -> bytes:
    """Return the entries of a layer."""
    try:
        with tarfile.open(fileobj=io.BytesIO(blob)) as layer:
            files = [layer.extractfile(member) for member in layer.getmembers() if member.isfile()]
            return b"\n".join(file.read() for file in files if file)
    except tarfile.ReadError:
        return blob


def test_what_add_unpacks_belongs_to_the_owner_that_it_names(steps: Images) -> None:
    image = steps["archive"]
    assert owner(image, "given/vendor") == ("7:8", "0755")
    assert owner(image, "given/vendor/lib.py") == ("7:8", "0640")
    assert owner(image, "kept/vendor/lib.py") == ("1234:2345", "0640")
    assert [path for path in image.files if path.startswith("packed/")] == ["packed/vendor.tar.gz"]


def test_a_download_is_compared_with_its_digest(dagger: Dagger, steps: Images, tmp_path: Path) -> None:
    assert steps["download"].files == {"answer.json": sha256("{}")}
    changed = project(tmp_path)
    dockerfile = changed / "download.Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("sha256:4413", "sha256:4414"))
    called = dagger.call("--source", str(changed), "build", "--only", "download")
    assert called.code == 1
    assert "service 'download'" in called.error
    assert f"http://{registry()}/v2/" in called.error
    assert f"sha256:{sha256('{}')}" in called.error, "the digest that the file has"


def test_modes_may_be_given_in_letters(steps: Images) -> None:
    modes = {path: entry["mode"] for path, entry in steps["modes"].entries.items() if path != "octal"}
    assert modes == {
        "letters": "0755",
        "letters/run.sh": "0755",
        "letters/plain.txt": "0644",
        "taken": "0755",
        "taken/plain.txt": "0600",
        "octal/plain.txt": "0640",
    }


def test_the_image_has_the_settings_of_its_dockerfile(steps: Images) -> None:
    config = steps["settings"].config
    udp = {f"{port}/udp" for port in (5000, 5001, 5002)}
    assert set(config["ExposedPorts"]) == {"38412/sctp", "8000/tcp", "9100/tcp", *udp}
    bash = ["/bin/bash", "-o", "pipefail", "-c"]
    assert (config["Shell"], config["Entrypoint"], config["Cmd"]) == (
        bash,
        ["/bin/sh"],
        [*bash, "echo started"],
    )
    assert config["Healthcheck"] == {
        "Test": ["CMD-SHELL", "test -e /ready"],
        "Interval": 2 * 10**9,
        "Timeout": 3 * 10**9,
        "StartPeriod": 4 * 10**9,
        "StartInterval": 10**9,
        "Retries": 5,
    }
    assert (config["User"], config["WorkingDir"], config["StopSignal"]) == ("7:8", "/srv/sub", "SIGQUIT")
    assert config["Volumes"] == {"/data": {}}
    assert config["OnBuild"] == ["RUN echo later"]
    assert {"title": "two words", "line": "1"}.items() <= config["Labels"].items()


def test_steps_that_the_base_asks_for_see_the_whole_context(steps: Images, source: Path) -> None:
    image = steps["on-build"]
    there = [path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()]
    ignored = {".dockerignore", "index.conf", "word.txt"}
    assert {path for path in image.files if path.startswith("app/")} == {
        *(f"app/{path}" for path in there if path not in ignored),
        "app/.dockerignore",
    }
    listed = sorted(path.name for path in source.iterdir() if path.name not in ignored)
    assert image.files["listed"] == sha256("".join(f"{name}\n" for name in listed))
    assert image.files["etc/plain.txt"] == PLAIN
    assert "OnBuild" not in image.config


@pytest.fixture(scope="module")
def contexts(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> Images:
    folder = tmp_path_factory.mktemp("context")
    source = copied("context", folder)
    who = ("-c", "user.name=one", "-c", "user.email=one@example.org")
    for context in (path for path in source.iterdir() if path.is_dir()):
        for words in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "one")):
            subprocess.run(["git", *who, *words], cwd=context, check=True)
    return built(dagger, source, folder / "report")


PACKAGES = "all/static/node_modules/lib/index.js"
HEAD = sha256("ref: refs/heads/main\n")


def test_a_context_without_an_ignore_file_has_everything(contexts: Images) -> None:
    files = contexts["open"].files
    assert files["head"] == files["all/.git/HEAD"] == HEAD
    assert {PACKAGES, "all/static/index.html", "all/static/debug.log"} < set(files)


def test_an_ignore_file_says_what_is_in_the_context(contexts: Images) -> None:
    assert set(contexts["closed"].files) == {
        *("all/.dockerignore", "all/Dockerfile", "all/static/index.html", PACKAGES),
    }


def test_the_ignore_file_of_a_dockerfile_comes_before_the_context_s(contexts: Images) -> None:
    files = contexts["own-file"].files
    assert files["all/.git/HEAD"] == HEAD
    assert {path for path in files if not path.startswith("all/.git/")} == {
        *("all/.dockerignore", "all/web.Dockerfile", "all/web.Dockerfile.dockerignore"),
        "all/static/debug.log",
    }


@pytest.fixture(scope="module")
def compiled(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return whether Python uses the compiled files, by folder below /srv."""
    source = copied("compiled", tmp_path_factory.mktemp("compiled"))
    called = dagger.call("--source", str(source), "image", "--service", "web", *LOOK)
    assert called.code == 0, called.error
    return dict(line.split() for line in called.stdout.splitlines())


LOOK = ("with-exec", "--args=python3,/srv/whole/look.py", "stdout")


@pytest.mark.parametrize(
    "folder",
    [
        *("whole", "copied", "of-a-stage", "installed", "written"),
        *("checked-hash", "unchecked-hash", "imported", "by-time"),
    ],
)
def test_compiled_python_is_not_older_than_its_source(compiled: dict[str, str], folder: str) -> None:
    assert compiled[folder] == "used"


def test_a_change_of_equal_size_is_built(dagger: Dagger, tmp_path: Path) -> None:
    """BuildKit would see the same time and size, if it did not get the whole context for each build."""
    (tmp_path / "Dockerfile").write_text('FROM scratch\nCOPY main.py link.py /\nCMD ["/none"]\n')
    (tmp_path / "compose.yaml").write_text("services: {web: {build: .}}\n")
    (tmp_path / "link.py").symlink_to("main.py")
    found = []
    for _ in range(2):
        value = secrets.token_hex(4)
        (tmp_path / "main.py").write_text(f"VALUE = {value}\n")
        called = dagger.call("--source", str(tmp_path), "build")
        assert called.code == 0, called.error
        found.append(called.stdout.splitlines()[1].split()[1])
    assert found[0] != found[1]
