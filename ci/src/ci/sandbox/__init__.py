"""A Docker Engine of the pipeline's own, in a container that ends with the work."""
