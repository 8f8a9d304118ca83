"""What functions of the command line have in common, and the objects that some of them return."""
