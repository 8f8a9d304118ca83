"""A stand-in for Azure OpenAI for tests: the real protocol with generated content."""
