"""The pictures of the documentation: pages of a run of this repository that passes, and of one that fails."""
