"""The bytes by which the kernel tells the programs of an architecture."""

from __future__ import annotations

import pytest

from ci.platforms import MACHINES
from ci.sandbox.binfmt import handler

# As QEMU's scripts/qemu-binfmt-conf.sh has them.
ARM64 = (
    r"\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00",
    r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff",
)
S390X = (
    r"\x7f\x45\x4c\x46\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16",
    r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff",
)


@pytest.mark.parametrize(
    ("platform", "architecture", "expected"),
    [
        ("linux/arm64", "aarch64", ARM64),
        ("linux/arm64/v8", "aarch64", ARM64),
        ("linux/s390x", "s390x", S390X),
    ],
)
def test_programs_are_told_by_class_order_and_machine(
    platform: str, architecture: str, expected: tuple[str, str]
) -> None:
    found = handler(platform)
    assert (found.architecture, found.magic, found.mask) == (architecture, *expected)


@pytest.mark.parametrize("name", MACHINES)
def test_each_platform_has_a_handler_of_its_own(name: str) -> None:
    others = {handler(f"linux/{other}").magic for other in MACHINES if other != name}
    assert handler(f"linux/{name}").magic not in others
