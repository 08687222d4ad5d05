"""Fixtures that run the project as its users do: real commands in processes and folders of their own."""

import functools
import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("keras_styles", "equivalence", "bench", "conftest.py", "pyproject.toml")


def pytest_collection_finish() -> None:
    """Leave out of all garbage collections what exists by now: statsmodels collects whenever it corrects p values."""
    gc.freeze()


Run = Callable[..., "subprocess.CompletedProcess[str]"]


def process_environment(results: Path, **variables: str) -> dict[str, str]:
    """Return the environment of a new process that keeps its records in `results`."""
    left_out = "KERAS_", "PYTEST_", "FORCE_COLOR", "PY_COLORS"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return kept | {"KERAS_STYLES_RESULTS": str(results)} | variables


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder of records that does not exist yet."""
    return tmp_path / "results"


def run_module(results: Path, *words: str, cwd: Path = ROOT, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a Python module in a folder and return the finished process, with its output as text."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=cwd,
        env=process_environment(results, **variables),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def run(results: Path) -> Run:
    """`run_module` for this test's folder of records."""
    return functools.partial(run_module, results)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, to be changed for the worse; a module run there imports the copy."""
    copy = tmp_path / "project"
    copy.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            # With what is compiled already, which goes by times that are kept; what another process is just writing,
            # under a name of its own, may be gone before it is copied.
            shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("*.pyc.*"))
        else:
            shutil.copy(source, copy / part)
    return copy


def replace_in(path: Path, old: str, new: str) -> None:
    """Replace text in a file that must hold it exactly once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
    path.write_text(text.replace(old, new), encoding="utf-8")
