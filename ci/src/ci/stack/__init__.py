"""Run a compose project in the sandbox."""
