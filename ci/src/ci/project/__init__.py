"""Compose's model as types, and what the stack makes of each of its keys."""
