"""Shared code of the services, so that each service contains only its own logic."""
