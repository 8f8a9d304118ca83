"""A stand-in for Azure OpenAI: its wire contract with made-up content. For tests only."""
