"""The catalogue of errors, read from the code that raises them."""
