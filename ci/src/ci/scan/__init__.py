"""Trivy on every artefact and on the source, and a gate that decides from its reports."""
