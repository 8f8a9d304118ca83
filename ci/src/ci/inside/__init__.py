"""Programs that run inside containers, by themselves: standard library only."""
