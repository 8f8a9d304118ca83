"""One module a change of the schema, in their order."""
