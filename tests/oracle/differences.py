"""Where the stack is known to differ from Docker, and why: what is not named here must be the same.

A line that is listed and is equal fails too: then it goes from here.
"""

from __future__ import annotations

# (service, what): why. `what` is `exit`, `starts`, or a word of the fixture's command, as its line begins.
DIFFERENCES: dict[tuple[str, str], str] = {}
