"""Tagging, pushing, promoting: all images of a set or none.

`publish` is the Dagger part; every decision is in the other modules, which are
plain Python. The programs of `ci.container_scripts` that talk to the registry import them.
"""
