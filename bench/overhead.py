"""Measure the module's overhead in a call, compared with an empty module in the same runtime."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airgap.errors import AirgapError
from bench.measure import spread, timed

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
IMPORT = "import ci.main after dagger, of a processor"
CLIENT = "import dagger, of a processor"
MOST_ABOVE_EMPTY = 0.3  # seconds that a cached call may take longer than one of the empty module
MOST_IMPORT = 0.3  # processor seconds of `import ci.main` in addition to `import dagger`
_EMPTY = '''"""Nothing."""

import dagger


@dagger.object_type
class Ci:
    """Nothing."""

    @dagger.function
    def cached(self) -> str:
        """Return a word, from the cache after the first time."""
        return "cached"

    @dagger.function(cache="never")
    def never(self) -> str:
        """Return a word, without caching."""
        return "never"
'''


def check_python() -> None:
    """Raise if Python lacks the client library, whose import is measured."""
    if importlib.util.find_spec("dagger") is None:
        raise AirgapError(
            f"{sys.executable} has no Dagger client library",
            hint="run make bench, which uses .venv",
        )


def measure(repeat: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure warm calls and imports in seconds; return medians, spreads and exceeded budgets."""
    with tempfile.TemporaryDirectory() as name:
        empty = _empty(Path(name))
        calls = {
            "client alone (dagger version)": (["dagger", "version"], ROOT),
            "empty module, cached": (["dagger", "call", "cached"], empty),
            "empty module, cache=never": (["dagger", "call", "never"], empty),
            "ours, cached (tags)": (["dagger", "call", "tags", "--ref", "refs/tags/v1.2.3"], ROOT),
            "ours, cached (services)": (["dagger", "call", "services"], ROOT),
        }
        for command, folder in calls.values():
            timed(command, folder)  # not measured: it fills the cache
        seen: dict[str, list[float]] = {}
        for _ in range(repeat):
            for title, (command, folder) in calls.items():
                seen.setdefault(title, []).append(timed(command, folder))
    for _ in range(repeat):
        nothing, client, both = (
            _import(each) for each in ("pass", "import dagger", "import dagger, ci.main")
        )
        seen.setdefault(CLIENT, []).append(client - nothing)
        seen.setdefault(IMPORT, []).append(both - client)
    rows = {title: spread(times, 3) for title, times in seen.items()}
    for title, row in rows.items():
        say(f"{title}: {row['median']} s ({row['least']} to {row['most']})")
    return {"rows": rows, "exceeded": exceeded(rows)}


def exceeded(rows: dict[str, dict[str, float]]) -> list[str]:
    """Return the budgets that the medians exceed."""
    above = rows["ours, cached (services)"]["median"] - rows["empty module, cached"]["median"]
    found = [f"a cached call takes {above:.2f} s above an empty module's"] if above > MOST_ABOVE_EMPTY else []
    imports = rows[IMPORT]["median"]
    return [*found, *([f"import ci.main takes {imports:.2f} s"] if imports > MOST_IMPORT else [])]


def _empty(folder: Path) -> Path:
    """Create an empty module with our runtime and lock."""
    (folder / "src" / "ci").mkdir(parents=True)
    shutil.copytree(ROOT / "ci" / "runtime", folder / "runtime", ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / "ci" / file, folder / file)
    (folder / "src" / "ci" / "__init__.py").write_text("")
    (folder / "src" / "ci" / "main.py").write_text(_EMPTY)
    engine = json.loads((ROOT / "dagger.json").read_text())["engineVersion"]
    module = {"name": "ci", "engineVersion": engine, "sdk": {"source": "./runtime"}, "source": "."}
    (folder / "dagger.json").write_text(json.dumps(module))
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def _import(statement: str) -> float:
    """Return processor seconds, because these do not increase on a busy machine."""
    code = f"import sys; sys.path.insert(0, 'ci/src'); {statement}; import os; print(sum(os.times()[:2]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)
