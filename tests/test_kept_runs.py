"""The runs of the benchmark that are kept under results/: others can read them, and no cell of them has vanished."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from keras_styles.architectures import load
from keras_styles.engines import DEVICES
from keras_styles.phases import contenders_of
from keras_styles.workloads import WORKLOAD_VERSION, Workload, default_plan, full_plan
from tests.conftest import ROOT

# Device, contender, and the workload's architecture, phase, batch size and width.
Cell = tuple[Any, ...]

# By more sizes and the floors of trees: a run from before then holds a part of the full plan.
FULL_PLAN_GREW = datetime(2026, 11, 25, 16, tzinfo=UTC)


def kept_runs() -> list[Path]:
    """Return the runs that are committed: one that somebody has just measured here may hold any part of a plan.

    Where git knows of none, as in what was downloaded without its history, all that lie there.
    """
    names = "results/*/[0-9][0-9][0-9][0-9]_*.json"
    words = ["git", "ls-files", "-z", names]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    return sorted([ROOT / name for name in listed.split("\0") if name] or ROOT.glob(names))


KEPT = kept_runs()
each_kept = pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.stem}")


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


@each_kept
def test_a_kept_run_has_what_others_read(path: Path) -> None:
    """`tool: pytest` of github-action-benchmark, and Bencher's `python_pytest`, which takes seconds."""
    run = read(path)
    assert re.fullmatch("[0-9a-f]{40}", run["commit_info"]["id"])
    assert datetime.fromisoformat(run["datetime"]).tzinfo
    assert run["machine_info"]["cpu"]["brand_raw"]
    assert run["benchmarks"]
    for benchmark in run["benchmarks"]:
        stats = benchmark["stats"]
        assert benchmark["fullname"].startswith("bench/")
        assert stats["rounds"] == len(stats["data"])
        assert stats["mean"] == pytest.approx(sum(stats["data"]) / stats["rounds"])
        assert stats["ops"] == pytest.approx(1 / stats["mean"])
        assert stats["stddev"] >= 0
        assert 1e-7 < stats["mean"] < 1_000, "seconds"
    assert len({benchmark["fullname"] for benchmark in run["benchmarks"]}) == len(run["benchmarks"])


def test_pytest_benchmark_compares_all_kept_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "--storage", str(ROOT / "results"), "compare", "--columns=mean"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    names = {benchmark["name"] for path in KEPT for benchmark in read(path)["benchmarks"]}
    assert names
    assert {name for name in names if f"{name} (" not in done.stdout} == set()


def cell_of(info: dict[str, Any]) -> Cell:
    """Return the cell that a benchmark or an unmeasured cell is about; files of version 1 know no sizes."""
    workload = (info.get(name) for name in ("architecture", "phase", "batch_size", "width"))
    return (info["device"], info["style"], *workload)


def cells_of_plan(plan: list[Workload]) -> set[Cell]:
    """Return the cells that a run of a plan begins with, on every device."""
    return {
        cell_of({**workload.model_dump(), "device": device, "style": contender})
        for device in DEVICES
        for workload in plan
        for contender in contenders_of(load(workload.architecture), workload.phase)
    }


@each_kept
def test_no_cell_of_a_kept_run_has_vanished(path: Path) -> None:
    """What failed or was skipped is there with its reason: "no GPU today" and "benchmark deleted" look different."""
    run = read(path)
    without_number = run["keras_styles"]["unmeasured"]
    assert all(each["reason"] and each["outcome"] in ("skipped", "failed") for each in without_number)
    # What is timed of no style, such as the probes and the site, is of no plan.
    infos = [info for each in (*run["benchmarks"], *without_number) if "style" in (info := each["extra_info"])]
    cells = [cell_of(info) for info in infos]
    assert len(set(cells)) == len(cells), "a cell is there twice"
    assert {cell[1:] for cell in cells if cell[0] == "cpu"} == {cell[1:] for cell in cells if cell[0] == "gpu"}
    # Of a run of an older version nobody knows the plan any more.
    if {info["workload_version"] for info in infos} == {WORKLOAD_VERSION}:
        default, full = cells_of_plan(default_plan()), cells_of_plan(full_plan())
        has_all_sizes = datetime.fromisoformat(run["datetime"]) > FULL_PLAN_GREW
        assert set(cells) in (default, full) or (not has_all_sizes and set(cells) < full)
