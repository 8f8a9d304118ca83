"""What a project needs to be checked by this pipeline: what is missing, and files that add it."""
