"""The whole job side by side: this pipeline against buildx, Compose, Trivy and Docker."""
