"""The rules that an image must keep to be published, their waivers, and the report."""
