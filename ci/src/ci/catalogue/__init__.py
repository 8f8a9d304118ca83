"""The catalog of errors, read from the code that raises them."""
