"""Run tests in containers: unit tests of each service, and the suite inside the stack."""
