"""How the kernel tells the programs of an architecture by the first bytes of their files."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Handler", "handler"]

# QEMU's name of each architecture of a platform, the bits of its programs, their byte order, and their
# number in ELF (e_machine).
_ARCHITECTURES = {
    "amd64": ("x86_64", 64, "little", 0x3E),
    "arm64": ("aarch64", 64, "little", 0xB7),
    "arm": ("arm", 32, "little", 0x28),
    "ppc64le": ("ppc64le", 64, "little", 0x15),
    "riscv64": ("riscv64", 64, "little", 0xF3),
    "s390x": ("s390x", 64, "big", 0x16),
}
# Programs that have a fixed place in memory (2), and those that have none (3).
_EXECUTABLE = 2


@dataclass(frozen=True)
class Handler:
    """A handler for binfmt_misc; `magic` and `mask` are escaped as the kernel reads them."""

    architecture: str
    magic: str
    mask: str


def handler(platform: str) -> Handler:
    """Return the handler for the programs of a platform, such as linux/arm64."""
    name, bits, order, number = _ARCHITECTURES[platform.split("/")[1]]
    little = order == "little"

    def short(value: int) -> bytes:
        return value.to_bytes(2, "little" if little else "big")

    beginning = bytes([0x7F, *b"ELF", bits // 32, 1 if little else 2, 1])
    # The operating system's ABI, which may be any, and eight bytes of padding.
    magic = beginning + bytes(9) + short(_EXECUTABLE) + short(number)
    mask = b"\xff" * len(beginning) + b"\0" + b"\xff" * 8 + short(0xFFFE) + short(0xFFFF)
    return Handler(name, _escaped(magic), _escaped(mask))


def _escaped(content: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in content)
