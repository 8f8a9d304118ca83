"""Builds: BuildKit makes images in the sandbox, and everything else takes what it exported."""
