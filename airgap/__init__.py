"""A real Dagger engine, a registry and base images on a machine that reaches package registries only.

``python3 -m airgap --help`` lists the commands. Standard library only; runs as root on Debian.
"""
