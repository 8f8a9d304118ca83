"""Expect one error of the pipeline: by its code, and by the values that it has to name."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["raises"]


@contextmanager
def raises(code: str, *values: str, match: str = "") -> Iterator[pytest.ExceptionInfo[PipelineError]]:
    """Expect the error of this code, with these values in its text and next step.

    `match` is a regular expression that is searched in the same.
    """
    with pytest.raises(PipelineError) as caught:
        yield caught
    text = str(caught.value)
    assert caught.value.code == code, text
    assert [value for value in values if value not in text] == [], text
    assert re.search(match, text), text
