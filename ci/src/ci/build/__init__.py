"""Build images with BuildKit in the sandbox; all other code uses the exported images."""
