"""What may be written as a registry, and what an image's repository in it is called."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from ci.errors import PipelineError
from ci.registry.hosts import is_loopback

__all__ = ["Registry", "parse"]

_HOST = re.compile(
    r"(?:[a-z0-9]+(?:[.-]+[a-z0-9]+)*|\[(?P<ipv6>[0-9a-f:.]+)\])(?::(?P<port>\d{1,5}))?", re.ASCII
)
# A path component, by the distribution specification.
_COMPONENT = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*", re.ASCII)
# Azure: 5 to 50 letters and digits; `-HASH` is added where the registry has a domain name label.
_AZURE = re.compile(r"[a-z0-9]{5,50}(-[a-z0-9]+)?\.azurecr\.(io|cn|us)", re.ASCII)
_AZURE_DOMAINS = (".azurecr.io", ".azurecr.cn", ".azurecr.us")
_HIGHEST_PORT = 65535


@dataclass(frozen=True)
class Registry:
    """A registry as a user writes it: `host[:port][/prefix]`."""

    host: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.host}/{self.prefix}" if self.prefix else self.host

    @property
    def plain_http(self) -> bool:
        """Whether it is on loopback, where HTTP without TLS is the custom (Docker's rule as well)."""
        return is_loopback(self.host)

    def repository(self, service: str) -> str:
        """Return the repository of a service: the prefix and the service's name in lower case."""
        name = service.lower()
        if not _COMPONENT.fullmatch(name):
            raise PipelineError(
                "registry.service-name-invalid",
                f"service '{service}': its name cannot be a repository's",
                hint="rename it: letters and digits, with single '.', '_' or '-' between them",
            )
        return f"{self}/{name}"

    def repositories(self, services: list[str]) -> dict[str, str]:
        """Return each service's repository; two services in one repository are an error."""
        if not services:
            raise PipelineError(
                "registry.no-images",
                "there is no image to push: no service is chosen",
                hint="choose services that have a `build:`",
            )
        found: dict[str, str] = {}
        for service in services:
            repository = self.repository(service)
            for other, taken in found.items():
                if taken == repository:
                    raise PipelineError(
                        "registry.repository-shared",
                        f"services '{other}' and '{service}' would both be pushed to {repository}",
                        hint="rename one of them: repositories are lower case",
                    )
            found[service] = repository
        return found


def parse(text: str, *, where: str = "--address") -> Registry:
    """Read a registry; every other form is an error that says how to write it."""
    if "@" in text:
        # Not repeated: what stands before the @ may be a password.
        raise PipelineError(
            "registry.name-has-at-sign",
            f"{where}: it contains an '@', but neither credentials nor a digest belong there",
            hint="write host[:port][/prefix]; credentials are --username and --password env:VARIABLE",
        )
    what = f"{where} '{text}'"
    if "://" in text:
        raise PipelineError(
            "registry.name-is-url",
            f"{what}: a URL is not a registry",
            hint=f"write {text.split('://', 1)[1]}",
        )
    if text != text.lower():
        raise PipelineError(
            "registry.name-upper-case",
            f"{what}: registries are lower case",
            hint=f"write {text.lower()}",
        )
    host, _, prefix = text.partition("/")
    _check_host(what, host)
    for component in prefix.split("/") if prefix else ():
        if not _COMPONENT.fullmatch(component):
            raise PipelineError(
                "registry.prefix-invalid",
                f"{what}: '{component}' cannot be part of a repository's name",
                hint="write host[:port][/prefix], without a tag; a prefix has letters, digits, . _ - /",
            )
    return Registry(host, prefix)


def _check_host(what: str, host: str) -> None:
    match = _HOST.fullmatch(host)
    if match is None or int(match["port"] or 1) > _HIGHEST_PORT or not _is_address(match["ipv6"]):
        raise PipelineError(
            "registry.host-invalid",
            f"{what}: '{host}' is not a valid host name",
            hint="write host[:port][/prefix], for example myteam.azurecr.io/shop or [::1]:5000",
        )
    if match["ipv6"]:
        return
    name = host.partition(":")[0]
    if "." not in name and match["port"] is None and name != "localhost":
        # Docker would read it as a repository on Docker Hub.
        raise PipelineError(
            "registry.host-ambiguous",
            f"{what}: '{host}' could be a repository on Docker Hub as well",
            hint=f"write {host}.azurecr.io, {host}:5000 or docker.io/{host}",
        )
    if name.endswith(_AZURE_DOMAINS) and not _AZURE.fullmatch(host):
        raise PipelineError(
            "registry.azure-name-invalid",
            f"{what}: '{host}' is not the login server of an Azure registry",
            hint="write NAME.azurecr.io, NAME being 5 to 50 letters and digits: "
            "`az acr show --query loginServer` prints it",
        )


def _is_address(text: str | None) -> bool:
    """Tell whether the text in brackets is an IPv6 address, if there is one."""
    try:
        return text is None or bool(ipaddress.IPv6Address(text))
    except ValueError:
        return False
