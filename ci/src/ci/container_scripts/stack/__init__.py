"""The program that runs a compose project in the sandbox and reports the result."""
