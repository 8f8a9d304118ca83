"""The research service: jobs on a Redis Stream, done in stages that are never lost."""
