"""A real Docker on this machine, to compare the pipeline and its stack with."""
