"""The research service: jobs in a Redis Stream, processed in durable stages."""
