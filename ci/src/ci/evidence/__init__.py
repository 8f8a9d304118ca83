"""Evidence: statements that gates passed, kept in a registry, so that no machine runs them again."""
