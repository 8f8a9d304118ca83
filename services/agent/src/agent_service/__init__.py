"""The agent service: a limited loop of a model and its tools, with sessions."""
