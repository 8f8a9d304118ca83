"""Fixtures for tests of the services, with real servers and a stand-in for the model."""
