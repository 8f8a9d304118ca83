"""Programs for work on this repository; nothing of the pipeline needs them."""
