"""What an image must be before it may leave: rules over facts, waivers, and the report."""
