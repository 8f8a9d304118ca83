"""The platform's public API: keys, limits, routing, usage."""
