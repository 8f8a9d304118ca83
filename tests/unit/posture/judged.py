"""Judge made-up images on one day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from ci.posture import judge
from ci.project.policy import Policy
from tests.unit.posture.layouts import Entry

if TYPE_CHECKING:
    from ci.posture.facts import Image
TODAY = date(2030, 1, 15)
CODE = {"app/main.py": Entry(b"print()")}


def verdict(image: Image, **policy: Any) -> judge.Verdict:  # noqa: ANN401 - any setting
    return judge.judge([image], Policy(**policy), TODAY, ["web", "api"])


def broken(image: Image, **policy: Any) -> dict[str, str]:  # noqa: ANN401 - any setting
    return {
        each.rule.id: " | ".join(violation.text for violation in each.found)
        for each in verdict(image, **policy).failing
    }
