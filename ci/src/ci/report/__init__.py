"""Reports of a run: tables for a terminal, and formats for people that share one typed model.

`documents` are the types of the report's JSON files, `model` is a run made of them, and `read` reads it from
a folder (with `read_stack`, `read_tests` and `packages`). `verdict` says why a run failed, `timeline` what
ran in parallel. `markdown` and `html` format a run; `summary` and `tables` write what comes before it.
"""
