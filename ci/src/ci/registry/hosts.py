"""Where a registry is, who it is reached as, and the names that only one registry has."""

from __future__ import annotations

import base64
import ipaddress
import json
from dataclasses import dataclass
from typing import Any

from ci.errors import PipelineError

__all__ = ["Endpoint", "Reference", "credential_key", "docker_credentials", "is_loopback", "reference"]

_HUB = "docker.io"
# Docker Hub's API has another name than its images, and its credentials have a third (historical) one.
_API_HOSTS = {_HUB: "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}
_CREDENTIAL_KEYS = {_HUB: "https://index.docker.io/v1/", "index.docker.io": "https://index.docker.io/v1/"}
_DIGEST = "sha256:"


@dataclass(frozen=True)
class Endpoint:
    """A registry as images name it (`host`), and how it is reached.

    `address` is where it is from here, if that is not the host. `ca_file` has certificate authorities to
    trust besides the system's. `identity_token` is a refresh token, in place of a password.
    """

    host: str
    address: str = ""
    plain_http: bool = False
    username: str = ""
    password: str = ""
    identity_token: str = ""
    ca_file: str = ""

    @property
    def reached_at(self) -> str:
        """Return the host and port that requests go to."""
        return self.address or _API_HOSTS.get(self.host, self.host)

    @property
    def is_near(self) -> bool:
        """Whether it is on this machine or handed in: then no proxy leads to it."""
        return bool(self.address) or is_loopback(self.host)


@dataclass(frozen=True)
class Reference:
    """A repository in a registry, and a tag or digest in it if one is named."""

    host: str
    repository: str
    target: str = ""

    @property
    def is_digest(self) -> bool:
        """Whether it names a digest, not a tag."""
        return self.target.startswith(_DIGEST)


def reference(text: str) -> Reference:
    """Split `HOST/REPOSITORY`, `HOST/REPOSITORY:TAG` or `HOST/REPOSITORY@DIGEST`."""
    rest, _, digest = text.partition("@")
    host, _, repository = rest.partition("/")
    repository, _, tag = repository.partition(":")
    if host in _API_HOSTS and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(host, repository, digest or tag)


def is_loopback(host: str) -> bool:
    """Tell whether a host with or without port is this machine's loopback."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def credential_key(host: str) -> str:
    """Return the key that Docker's credential file has for a registry."""
    return _CREDENTIAL_KEYS.get(host, host)


def docker_credentials(text: str, host: str) -> Endpoint | None:
    """Return an endpoint with what Docker's config.json has for a registry; none if it has nothing.

    A credential helper is a program of the machine that the file is from, so it is not run: a registry whose
    credentials only a helper has is an error.
    """
    try:
        data: dict[str, Any] = json.loads(text)
        entry = _entry(data.get("auths") or {}, host)
        login = base64.b64decode((entry or {}).get("auth", ""), validate=True).decode()
        username, _, password = login.rstrip("\0").partition(":")
        token = str((entry or {}).get("identitytoken", ""))
        # What `docker login` leaves in the file when it gave the credentials to the helper of all registries.
        listed = data.get("credsStore", "") if entry is not None else ""
        helper = (data.get("credHelpers") or {}).get(_name(credential_key(host)), "") or listed
    except (ValueError, AttributeError, TypeError) as error:
        raise PipelineError(
            "registry.credential-file-invalid",
            f"--docker-config: it is not what Docker writes for {host} ({type(error).__name__})",
            hint='write {"auths": {"HOST": {"auth": BASE64 OF "USER:PASSWORD"}}}, or run `docker login`',
        ) from error
    if username or token:
        return Endpoint(host, username=username, password=password, identity_token=token)
    if helper:
        raise PipelineError(
            "registry.credential-helper",
            f"--docker-config: the credentials for {host} are in the credential helper '{helper}', a program "
            "of your machine, which cannot run in a container",
            hint="give --username and --password, or log in with a config.json that names no helper",
        )
    return None


def _entry(auths: dict[str, Any], host: str) -> dict[str, Any] | None:
    """Return a registry's entry, whose key may be the host or a URL of it, or None if there is none."""
    wanted = credential_key(host)
    found = auths.get(wanted)
    if found is None:
        found = next((value for key, value in auths.items() if _name(key) == _name(wanted)), None)
    return found


def _name(key: str) -> str:
    """Return the host in a key of the file, which may be `https://HOST/v1/`, as Docker compares keys."""
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]
