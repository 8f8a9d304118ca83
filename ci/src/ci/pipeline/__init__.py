"""The order of things: build, gates, publish, promote, report, as plain functions."""
