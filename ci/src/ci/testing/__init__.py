"""Tests in containers: each service's own, and the suite inside the stack."""
