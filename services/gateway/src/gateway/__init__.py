"""The public door of the platform: keys, limits, routing, usage."""
