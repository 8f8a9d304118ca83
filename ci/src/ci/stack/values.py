"""The forms in which Compose prints durations, sizes and lists of options."""

from __future__ import annotations

import re
from typing import Any

from ci.errors import PipelineError

__all__ = ["bytes_of", "capabilities", "command", "duration", "health", "restart", "size", "ulimits"]

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"([\d.]+)(h|ms|m|s|us|µs|ns)")

DEFAULT_GRACE = 10.0
# Docker's defaults for a healthcheck, in seconds and times.
_INTERVAL, _TIMEOUT, _RETRIES = 30.0, 30.0, 3
_NANOSECOND = 1e-9
# What Docker leaves a container by default.
_DEFAULT_CAPABILITIES = (
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)

# All there are, in the kernel's order (linux/capability.h).
_CAPABILITIES = """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
    NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
    SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE
    AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ
    PERFMON BPF CHECKPOINT_RESTORE"""


def duration(text: Any, default: float) -> float:  # noqa: ANN401 - a value of Compose's JSON
    """Return a Go duration such as `1m30s` in seconds."""
    if text in (None, ""):
        return default
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(str(text)))


def bytes_of(text: str) -> int:
    """Return a size such as `64m`, in powers of 1024. Raises `ValueError`."""
    units = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
    digits = text.lower().removesuffix("b")
    if digits and digits[-1] in units:
        return int(digits[:-1]) * units[digits[-1]]
    return int(digits)


def size(value: Any) -> int:  # noqa: ANN401 - as above
    """Return a size in bytes; Compose prints it as a number or as digits. 0 is no limit."""
    return int(value or 0)


def health(service: dict[str, Any], image: dict[str, Any]) -> dict[str, Any] | None:
    """Return the init's healthcheck: Compose's, field by field over the image's own."""
    ours = service.get("healthcheck") or {}
    theirs = image.get("Healthcheck") or {}
    test = ours.get("test") or theirs.get("Test") or []
    if ours.get("disable") or not test or test[0] == "NONE":
        return None

    def time(key: str, image_key: str, default: float) -> float:
        image = (theirs.get(image_key) or 0) * _NANOSECOND or default
        return duration(ours.get(key), image) or image  # 0 is the image's, and then Docker's

    return {
        "test": ["/bin/sh", "-c", test[1]] if test[0] == "CMD-SHELL" else test[1:],
        "interval": time("interval", "Interval", _INTERVAL),
        "timeout": time("timeout", "Timeout", _TIMEOUT),
        "start_period": time("start_period", "StartPeriod", 0.0),
        "start_interval": time("start_interval", "StartInterval", 0.0),
        "retries": int(ours.get("retries") or theirs.get("Retries") or _RETRIES),
    }


def command(name: str, service: dict[str, Any], image: dict[str, Any]) -> list[str]:
    """Combine entrypoint and command as Compose does: an entrypoint drops the image's command."""
    entrypoint, given = service.get("entrypoint"), service.get("command")
    if entrypoint is not None:
        words = [*entrypoint, *(given or [])]
    else:
        words = [*(image.get("Entrypoint") or []), *(given or image.get("Cmd") or [])]
    if not words:
        raise PipelineError(
            f"service '{name}': neither the file nor the image says what to run", next_step="add `command:`"
        )
    return words


def capabilities(service: dict[str, Any]) -> list[str] | None:
    """Return exactly the capabilities that are left, as Docker combines the two lists.

    `None` is Docker's default set.
    """
    added = {name.upper().removeprefix("CAP_") for name in service.get("cap_add") or ()}
    dropped = {name.upper().removeprefix("CAP_") for name in service.get("cap_drop") or ()}
    if not added and not dropped:
        return None
    if "ALL" in added:
        return sorted(set(_CAPABILITIES.split()) - dropped)
    kept = set() if "ALL" in dropped else set(_DEFAULT_CAPABILITIES) - dropped
    return sorted(kept | added)


def restart(service: dict[str, Any]) -> tuple[str, int]:
    """Return the init's restart policy and its retries (0: without limit)."""
    policy = (service.get("deploy") or {}).get("restart_policy")
    if policy:
        name = {"any": "always", "on-failure": "on-failure"}.get(policy.get("condition", "any"), "no")
        return name, int(policy.get("max_attempts") or 0)
    name, _, retries = str(service.get("restart") or "no").partition(":")
    return ("always" if name == "unless-stopped" else name), int(retries or 0)


def ulimits(service: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Return soft and hard limit by name; a plain number is both. Compose leaves a 0 out."""
    result = {}
    for name, value in (service.get("ulimits") or {}).items():
        soft, hard = (
            (value, value)
            if isinstance(value, int)
            else (value.get("soft", value.get("single", 0)), value.get("hard", value.get("single", 0)))
        )
        result[name] = {"soft": int(soft), "hard": int(hard)}
    return result
