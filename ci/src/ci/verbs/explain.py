"""Explain an error by its code."""

from __future__ import annotations

from typing import Annotated

from dagger import Doc

from ci._dagger import function
from ci.user_errors import user_errors
from ci.verbs.base import Base

__all__ = ["Explain"]


class Explain(Base):
    """The catalogue of errors."""

    @function()
    @user_errors
    async def explain(
        self, code: Annotated[str, Doc("The code at the end of an error, such as compose.no-services")]
    ) -> str:
        """Print what an error code means and what to do next; {…} is only known when it happens."""
        # Imported here because every other call goes without.
        from ci.catalogue import codes  # noqa: PLC0415

        return codes.explain(code)
