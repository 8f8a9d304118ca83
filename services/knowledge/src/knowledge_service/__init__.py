"""Store documents in chunks, search them by meaning, and answer questions with citations."""
