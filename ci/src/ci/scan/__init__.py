"""Trivy on every artifact and on the source, and a gate that decides from its reports."""
