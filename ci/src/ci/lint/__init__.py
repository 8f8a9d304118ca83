"""Linters, in containers, in the versions that the project's own lock has."""
