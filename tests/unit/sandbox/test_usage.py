"""The table of what the sandbox's volume holds."""

from __future__ import annotations

from ci.sandbox import usage


def test_a_slot_is_a_row() -> None:
    header, free, used = usage.rows("slot-1 free 1500000\nslot-2 used 0\n").splitlines()
    assert header.split() == ["data", "is", "size"]
    assert free.split() == ["slot-1", "free", "1536.0", "MB"]
    assert used.split() == ["slot-2", "used", "0.0", "MB"]


def test_a_volume_without_slots_is_said_to_be_empty() -> None:
    assert usage.rows("") == "the sandbox has no data: nothing was built on this engine"
