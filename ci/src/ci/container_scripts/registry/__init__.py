"""The program that talks to registries, through regctl: `python3 -m ci.container_scripts.registry`."""
