"""Benchmark the whole job: this pipeline compared with buildx, Compose, Trivy and Docker."""
