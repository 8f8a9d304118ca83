"""The agent service: a bounded loop of a model and its tools, with sessions."""
