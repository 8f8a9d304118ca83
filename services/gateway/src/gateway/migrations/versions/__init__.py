"""The schema's migrations, one module each, in order."""
