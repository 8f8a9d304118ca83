"""The known differences between the stack and Docker, with reasons. Everything else must be the same.

A listed line without a difference fails too, and must be removed here.
"""

from __future__ import annotations

# (service, what): why. `what` is `exit`, `starts`, or the first word of the line that the fixture prints.
DIFFERENCES: dict[tuple[str, str], str] = {}
