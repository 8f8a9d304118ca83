"""A real Docker on this machine: the pipeline is measured against it, and its stack is held against it."""
