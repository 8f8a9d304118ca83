"""Start the module: register its types, or run one of its functions.

The module's own code is imported from its source folder, not installed: its
dependencies are the only thing that takes time to install, and they change
with the lock alone.
"""

import os
import sys
import tomllib
from pathlib import Path

project = Path(os.environ["CI_MODULE"])
with (project / "pyproject.toml").open("rb") as file:
    entry_points = tomllib.load(file)["project"]["entry-points"]["dagger.mod"]
package, _, main_object = entry_points["main_object"].partition(":")
os.environ["DAGGER_DEFAULT_PYTHON_PACKAGE"] = package
os.environ["DAGGER_MAIN_OBJECT"] = main_object
sys.path.insert(0, str(project / "src"))

from dagger.mod.cli import app  # noqa: E402 - it reads the two variables when imported

sys.exit(app(None, "--register" in sys.argv[1:]))
