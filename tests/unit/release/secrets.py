"""Dagger secrets as the module gets them: one with a value, an empty one, and one that is not there."""

from __future__ import annotations

from unittest import mock

import dagger

__all__ = ["EMPTY", "NONE", "SECRET"]

SECRET = mock.create_autospec(dagger.Secret, instance=True)
SECRET.plaintext.return_value = "x"
EMPTY = mock.create_autospec(dagger.Secret, instance=True)
EMPTY.plaintext.return_value = "\n"
NONE = mock.create_autospec(dagger.Secret, instance=True)
NONE.plaintext.side_effect = dagger.QueryError.__new__(dagger.QueryError, [])
