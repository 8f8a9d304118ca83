"""Programs for the maintenance of this repository; the pipeline does not need them."""
