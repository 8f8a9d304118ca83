"""The report as one HTML page: `page` renders `templates/` with a run, the others prepare what it draws."""
