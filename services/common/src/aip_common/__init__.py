"""What the services share, so that each of them is only its own job."""
