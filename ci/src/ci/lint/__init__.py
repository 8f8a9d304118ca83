"""Run linters in containers, in the versions of the project's lock."""
