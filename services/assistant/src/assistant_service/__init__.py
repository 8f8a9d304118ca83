"""Stateless chat: profiles, history trimmed to a budget, JSON or server-sent events."""
