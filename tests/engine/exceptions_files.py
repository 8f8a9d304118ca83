"""Generate exceptions files of every kind, with ids, paths and packages that match and that do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

TODAY = datetime.now(UTC).date()
PACKAGES = {
    "certifi": ("2022.12.7", "CVE-2023-37920"),
    "urllib3": ("1.26.16", "CVE-2023-43804"),
    "jinja2": ("3.1.3", "CVE-2024-34064"),
}
IDS = {
    "vulnerabilities": (*(each for _, each in PACKAGES.values()), "CVE-2000-1", "cve-2023-37920"),
    "misconfigurations": (
        *("DS-0002", "AVD-DS-0002", "DS002", "least-privilege-user", "ds002"),
        *("DS-0026", "AVD-DS-0026", "no-healthcheck"),
    ),
    "secrets": ("private-key", "github-pat", "Private-Key"),
    "licenses": ("MIT", "GPL-3.0-only", "Apache-2.0", "MIT AND Apache-2.0", "mit"),
}
PATHS = (
    *(
        "**",
        "*",
        "opt/**",
        "opt/{app,worker}/**",
        "opt/[a-b]pp/**",
        "opt/v2/**METADATA",
        "opt/v2/**/METADATA",
    ),
    *("**/METADATA", "**/*.dist-info/*", "opt/*/METADATA", "opt/a?p/**", "opt/{app,{worker,v2/deep}}/**"),
    *("/opt/app/**", "opt/app", "opt/app/", "opt/[!a]*/**", "opt/[^a]*/**", "srv/a b/**", "srv/a\\ b/**"),
    *(
        "**/key.pem",
        "/opt/*/key.pem",
        "opt/*/key.pem",
        "{one,two}/Dockerfile",
        "*/Dockerfile",
        "t*/**",
        "OPT/**",
    ),
)
PURLS = (
    *("pkg:pypi/certifi", "pkg:pypi/certifi@2022.12.7", "pkg:pypi/certifi@1", "pkg:pypi/CERTIFI"),
    *("pkg:pypi/urllib3", "pkg:pypi/urllib3@1.26.16", "pkg:pypi/urllib3?arch=amd64", "pkg:npm/certifi"),
    *("pkg:pypi/Jinja2@3.1.3", "pkg:pypi/jinja2@3.1.3#sub", "pkg:PyPI/jinja2"),
)


def generated(random_: random.Random, sections: Sequence[str]) -> str:
    """Return an exceptions file."""
    content: dict[str, list[dict[str, Any]]] = {}
    for section in random_.sample(sections, random_.randint(1, len(sections))):
        entries: list[dict[str, Any]] = []
        for number in range(random_.randint(1, 4)):
            days = random_.choice((-9, 5, 60))
            entry: dict[str, Any] = {
                "id": random_.choice(IDS[section]),
                "statement": f"reason {number}",
                "expired_at": TODAY + timedelta(days=days),
            }
            if random_.random() < 0.6:
                entry["paths"] = random_.sample(PATHS, random_.randint(1, 2))
            if section == "vulnerabilities" and random_.random() < 0.4:
                entry["purls"] = random_.sample(PURLS, random_.randint(1, 2))
            without_reason = {key: value for key, value in entry.items() if key in ("id", "paths", "purls")}
            if not any(without_reason.items() <= other.items() for other in entries):
                entries.append(entry)
        content[section] = entries
    return str(yaml.safe_dump(content))
