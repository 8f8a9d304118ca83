"""A machine with Docker, as most users have one: its Docker Engine runs Dagger's engine.

The Docker Engine comes from Debian packages and has its own root, network and data. The engine's image is a
stand-in for the official one.
"""
