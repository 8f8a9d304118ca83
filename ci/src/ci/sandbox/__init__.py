"""Run the pipeline's own Docker Engine, in a container that exits with the work."""
