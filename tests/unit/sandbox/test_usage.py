"""The table of what the sandbox's volume holds."""

from __future__ import annotations

from ci.sandbox import usage


def test_a_slot_is_a_row() -> None:
    header, free, used = usage.rows("1 free 1500000 12\n2 used 0 0\n").splitlines()
    assert header.split("  ")[0] == "slot"
    assert free.split() == ["1", "free", "1536.0", "MB", "12"]
    assert used.split() == ["2", "used", "0.0", "MB", "0"]


def test_a_volume_without_slots_is_said_to_be_empty() -> None:
    assert usage.rows("") == "the sandbox has no data: nothing was built on this engine"
