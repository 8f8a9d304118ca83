"""Stateless chat with profiles, a limited history, and JSON or server-sent events."""
