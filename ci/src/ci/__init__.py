"""The pipeline from `git push` to a trusted image, driven by compose.yaml.

Importing this package imports no Dagger: the class that Dagger calls is
`ci.main.Ci`, and the modules that decide (references, plan, tags, reports)
are plain Python.
"""
