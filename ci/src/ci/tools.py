"""The pipeline's own tool images, each pinned by digest."""

from __future__ import annotations

__all__ = ["ACTIONLINT", "BINFMT", "COMPOSE", "COSIGN", "DOCKER", "GIT", "PYTHON", "TRIVY", "UV"]

# Runs the programs of `ci.container_scripts`. As the base image of the services, it is pulled anyway.
PYTHON = "python:3.13-slim-trixie@sha256:70729b46c69b4f1e97c4822c1af3df53a1476cf5ddc6c087c0c10bc3a5678c2f"
# A scratch image with the binary /docker-compose.
COMPOSE = "docker/compose-bin:v5.6.0@sha256:db34ebea4a1acd4b130e9abc305cdb51b3fe53b9116a6c2ac268a451eb308bed"
# Contains the static binary /ko-app/cosign; used only with a signing key.
COSIGN = (
    "ghcr.io/sigstore/cosign/cosign:v3.1.3"
    "@sha256:9e5c2f2edc34351160407ca3416c61855bdf9403c3c5936e0f0be7fc261611b8"
)
# Exports and installs the dependencies of tests.
UV = "ghcr.io/astral-sh/uv:0.12.23@sha256:61d393e44e249f2e4b526b6c7ddcecce245946826e608e11c93ad4f5bba55b21"
# Contains the static binary /usr/local/bin/trivy. Some releases are malicious, see ci.scan.scanner.
TRIVY = "aquasec/trivy:0.74.0@sha256:62b1e65e8869bc4b4c6aa4fa2b21595256c7c2f6018a9d9ad61caf87187c1969"
# Checks workflows, and their shell scripts with the included shellcheck.
ACTIONLINT = "rhysd/actionlint:1.7.12@sha256:b1934ee5f1c509618f2508e6eb47ee0d3520686341fec936f3b79331f9315667"
# The sandbox's Docker Engine, with Buildx. Their versions decide how an image is packed.
DOCKER = "docker:28.5.2-dind@sha256:2a232a42256f70d78e3cc5d2b5d6b3276710a0de0596c145f627ecfae90282ac"
# Contains Git, both the official image and the stand-in (airgap/images/docker).
GIT = DOCKER
# Contains static emulators such as /usr/bin/qemu-aarch64; used only for platforms that are not the engine's.
BINFMT = (
    "tonistiigi/binfmt:qemu-v10.2.3@sha256:400a4873b838d1b89194d982c45e5fb3cda4593fbfd7e08a02e76b03b21166f0"
)
