"""Records: written whole, under names of their own, rescued when the disk is full; what is corrupt is named."""

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keras_styles.records import (
    BenchmarkRun,
    ComparedTest,
    EquivalenceRecord,
    Failure,
    ResultsError,
    StageSummary,
    load,
    merge_stages,
    require_writable,
    save,
    save_equivalence,
    slug,
    write_new,
)
from tests.conftest import ROOT
from tests.numpy_training import ENVIRONMENT

STAGE = StageSummary(
    architecture="linear_regression",
    tier=1,
    stage="weights",
    comparisons=10,
    differing=0,
    diverged=0,
    worst_margin=0.25,
    margins={"0": 4, "2^-12": 3, "2^-2": 3},
)
RECORD = EquivalenceRecord(
    created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    environment=ENVIRONMENT,
    profile="pr",
    seed=0,
    workers=2,
    complete=True,
    outcome="failed",
    tests={"passed": 3, "failed": 1},
    skips=["test_x: no GPU"],
    comparisons=10,
    stages=[STAGE],
    per_test={"test_x": ComparedTest(comparisons=10, worst_margin=0.25)},
    failures=[Failure(test="test_y", message="they differ")],
    seconds=2.5,
    comparisons_per_second=4.0,
)


def test_a_record_comes_back_as_it_was_saved(results: Path) -> None:
    path, trouble = save_equivalence(RECORD, results)
    assert trouble is None
    assert path.parent.name == ENVIRONMENT.machine
    assert load(path, EquivalenceRecord) == RECORD


def test_records_of_version_1_can_still_be_read() -> None:
    """Those that were committed before margins were counted."""
    paths = [
        path
        for path in (ROOT / "results").glob("*/equivalence-*.json")
        if json.loads(path.read_text(encoding="utf-8"))["schema_version"] == 1
    ]
    assert paths
    for path in paths:
        record = load(path, EquivalenceRecord)
        assert record.comparisons > 0
        assert (record.per_test, record.comparisons_per_second, record.seed) == ({}, None, None)
        assert {bool(stage.margins) for stage in record.stages} == {False}


def test_summaries_of_a_stage_add_up() -> None:
    other = STAGE.model_copy(update={"stage": "history"})
    in_another_mode = STAGE.model_copy(update={"mode": "eager"})
    worse = STAGE.model_copy(update={"worst_margin": 2.0, "differing": 1, "diverged": 2, "margins": {"2^1": 10}})
    total, *left_alone = merge_stages([STAGE, other, worse, in_another_mode])
    assert left_alone == [other, in_another_mode]
    assert (total.comparisons, total.differing, total.diverged, total.worst_margin) == (20, 1, 2, 2.0)
    assert total.margins == {"0": 4, "2^-12": 3, "2^-2": 3, "2^1": 10}


def test_runs_that_end_at_the_same_moment_keep_their_own_files(results: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = {path for path, _ in pool.map(lambda _: save_equivalence(RECORD, results), range(32))}
    assert len(paths) == 32
    assert all(load(path, EquivalenceRecord) == RECORD for path in paths)


def test_a_file_is_never_replaced_and_no_draft_stays(tmp_path: Path) -> None:
    write_new(tmp_path / "a.json", "first")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "a.json", "second")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.json", "first")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file as a whole"),
        ("{", "the file as a whole"),
        ("[]", "the file as a whole"),
        ('{"kind": "equivalence"}', "created: Field required"),
        (RECORD.model_copy(update={"schema_version": 99}).model_dump_json(), "schema_version"),
        (RECORD.model_dump_json()[:-1] + ', "surprise": 1}', "surprise"),
        (RECORD.model_dump_json().replace('"2^-12"', '"0.001"'), "margins"),
    ],
)
def test_what_is_corrupt_or_of_another_schema_is_one_sentence(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ResultsError, match="is corrupt or of another schema") as error:
        load(path, EquivalenceRecord)
    assert words in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_benchmark_file_without_our_part_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "0001_x.json"
    path.write_text('{"datetime": "2026-01-01T00:00:00Z", "machine_info": {}, "benchmarks": []}', encoding="utf-8")
    with pytest.raises(ResultsError, match=r"machine_info\.keras_styles"):
        load(path, BenchmarkRun)


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    in_the_way = tmp_path / "results"
    in_the_way.write_text("a file", encoding="utf-8")
    with pytest.raises(ResultsError, match=r"Results cannot be written to .*; make room or change its permissions, or"):
        require_writable(in_the_way / "machine")


def test_a_record_that_does_not_fit_is_rescued(tmp_path: Path) -> None:
    """A real full disk, where the machine lets one be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)]
    if mount is None or os.geteuid() != 0 or subprocess.run([mount, *options], check=False).returncode:
        pytest.skip("only root on Linux can mount a small disk to fill")
    try:
        path, trouble = save(disk, "record.json", "x" * 100_000)
        assert trouble is not None
        assert "No space left on device" in trouble
        assert str(path) in trouble
        assert path.read_text(encoding="utf-8") == "x" * 100_000
        assert list(disk.iterdir()) == []
        path.unlink()
        (disk / "filler").write_bytes(b"0" * 16384)
        with pytest.raises(ResultsError, match="No space left on device"):
            require_writable(disk)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(("text", "expected"), [("AMD EPYC (TM) 7/x", "amd-epyc-tm-7-x"), ("../..", "unknown")])
def test_a_slug_is_fit_for_a_folder(text: str, expected: str) -> None:
    assert slug(text) == expected
