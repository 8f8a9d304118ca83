"""Options of the functions, and the objects that some of them return."""
