"""Fixtures for the tests of the services. The servers are real; only the model is a stand-in."""
