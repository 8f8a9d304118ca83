"""A service for two platforms that needs no base: static programs of Debian's busybox, one for each."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ARCHITECTURES = ("amd64", "arm64")
PLATFORMS = [f"linux/{each}" for each in ARCHITECTURES]
# The second step runs another program: the kernel starts that one, not the first one's emulator.
DOCKERFILE = """FROM scratch AS made
ARG TARGETARCH
COPY busybox-${TARGETARCH} /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox uname -m > /machine"]

FROM scratch
COPY --from=made /bin/busybox /bin/busybox
COPY --from=made /machine /www/machine
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=1s CMD ["/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8000/machine"]
CMD ["/bin/busybox", "sh", "-c", "trap 'exit 0' TERM; /bin/busybox httpd -f -p 8000 -h /www & wait"]
"""
# The same without a step that runs.
COPIED = DOCKERFILE.replace('RUN ["/bin/busybox", "sh", "-c", "/bin/busybox uname -m > /machine"]', "")
COPIED = COPIED.replace("COPY --from=made /machine", "COPY compose.yaml")


def project(folder: Path, dockerfile: str = DOCKERFILE, settings: Mapping[str, Any] | None = None) -> Path:
    """Write a project with one service for both platforms; `settings` are those of tool.ci."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Dockerfile").write_text(dockerfile)
    web = {"build": {"context": ".", "platforms": PLATFORMS}, "ports": ["8000"]}
    (folder / "compose.yaml").write_text(json.dumps({"name": "two", "services": {"web": web}}))
    # A scan finds no package in it, which is no verdict.
    tool = {
        "services-without-tests": ["web"],
        "integration": "",
        "accepted-gaps": ["empty"],
        **(settings or {}),
    }
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in tool.items())
    (folder / ".ci.toml").write_text(text + 'version = "tag"\n')
    return folder


def with_busybox(folder: Path) -> Path:
    """Add the static program for each architecture, from where this machine's packages come from."""
    words = ["apt-get", "download", "--print-uris", "busybox-static"]
    printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    (address,) = re.findall(r"'(\S+)_[a-z0-9]+\.deb'", printed)
    for architecture in ARCHITECTURES:
        package = folder / "package.deb"
        with urllib.request.urlopen(f"{address}_{architecture}.deb", timeout=60) as response:  # noqa: S310 - apt's
            package.write_bytes(response.read())
        words = ["dpkg-deb", "--fsys-tarfile", str(package)]
        content = subprocess.run(words, capture_output=True, check=True).stdout
        package.unlink()
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            program = archive.extractfile("./bin/busybox")
            assert program is not None
            (folder / f"busybox-{architecture}").write_bytes(program.read())
        (folder / f"busybox-{architecture}").chmod(0o755)
    return folder
