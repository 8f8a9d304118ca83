"""The program that talks to registries: `python3 -m ci.container_scripts.registry`."""
