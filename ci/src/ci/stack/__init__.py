"""The compose project running: what each service gets, and how they start and stop."""
