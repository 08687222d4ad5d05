"""Records: written whole, under names of their own, rescued when the disk is full; what is corrupt is named."""

import errno
import json
import logging
import multiprocessing
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import pytest

from bench.conftest import ResultsStorage
from keras_styles.records import (
    BenchmarkRun,
    ComparedTest,
    DifferencesRecord,
    EquivalenceRecord,
    Failure,
    ProbedEngine,
    ResultsError,
    StageSummary,
    draft_of,
    load,
    merge_stages,
    move_to_new,
    require_writable,
    save,
    save_differences,
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


# Enough that several look for the next number before any of them has taken it.
PROCESSES, TURNS = 4, 10


def storage(results: Path) -> ResultsStorage:
    """Where `pytest bench/ --benchmark-save` saves."""
    return ResultsStorage(results, logging.getLogger(__name__), default_machine_id="machine")


def write_new_by_moving(path: Path, text: str) -> None:
    """Write a file as `write_new` does where there are no hard links."""
    with draft_of(path) as draft:
        draft.write_text(text, encoding="utf-8")
        move_to_new(draft, path)


def race(barrier: Barrier, results: Path, process: int) -> None:
    """Save with other processes at the same moment under one name; in the end, save which of the others' were won."""
    won = []
    for turn in range(TURNS):
        barrier.wait(300)
        storage(results).save({"process": process, "turn": turn}, "nightly")
        for write in (write_new, write_new_by_moving):
            path = results / "one" / f"{write.__name__}-{turn}"
            barrier.wait(300)
            try:
                write(path, f"{process}\n" * 10_000)
            except FileExistsError:
                continue
            won.append(path.name)
    (results / f"won-{process}").write_text(json.dumps(won), encoding="utf-8")


def test_processes_that_save_at_the_same_moment_lose_nothing(results: Path) -> None:
    (results / "one").mkdir(parents=True)
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(PROCESSES)
    processes = [context.Process(target=race, args=(barrier, results, number)) for number in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
    assert {process.exitcode for process in processes} == {0}

    saved = sorted((results / "machine").iterdir())
    assert [int(path.name.split("_")[0]) for path in saved] == list(range(1, PROCESSES * TURNS + 1)), "each has its own"
    contents = [json.loads(path.read_text(encoding="utf-8")) for path in saved]
    everything = [(process, turn) for process in range(PROCESSES) for turn in range(TURNS)]
    assert sorted((content["process"], content["turn"]) for content in contents) == everything

    won = {
        name: process
        for process in range(PROCESSES)
        for name in json.loads((results / f"won-{process}").read_text(encoding="utf-8"))
    }
    texts = {path.name: path.read_text(encoding="utf-8") for path in (results / "one").iterdir()}
    assert texts == {name: f"{process}\n" * 10_000 for name, process in won.items()}, "the one who was told so wrote it"
    assert len(won) == 2 * TURNS


def test_runs_of_two_runners_are_merged_by_copying(tmp_path: Path) -> None:
    for runner in ("a", "b"):
        storage(tmp_path / runner).save({"runner": runner}, "nightly")
        shutil.copytree(tmp_path / runner, tmp_path / "merged", dirs_exist_ok=True)
    merged = list((tmp_path / "merged" / "machine").glob("0001_nightly-*.json"))
    assert {json.loads(path.read_text(encoding="utf-8"))["runner"] for path in merged} == {"a", "b"}
    storage(tmp_path / "merged").save({"runner": "c"}, "nightly")
    assert len(list((tmp_path / "merged" / "machine").glob("0002_nightly-*.json"))) == 1


def test_a_file_is_never_replaced_and_no_draft_stays(tmp_path: Path) -> None:
    write_new(tmp_path / "a.json", "first")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "a.json", "second")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.json", "first")]


def test_without_hard_links_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr("os.link", no_links)
    write_new(tmp_path / "a.json", "first")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "a.json", "second")
    with pytest.raises(FileNotFoundError):  # what goes wrong after the name was reserved
        move_to_new(tmp_path / "no draft", tmp_path / "b.json")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.json", "first")]


def test_a_run_without_any_engine_is_one_sentence(results: Path) -> None:
    engines = [
        ProbedEngine(engine=engine, environment=None, skipped=f"{engine} is not installed", differences=[])
        for engine in ("jax", "torch")
    ]
    with pytest.raises(ResultsError, match=r"^No probe ran, .*jax is not installed.*; install an engine and run it"):
        save_differences(DifferencesRecord(created=RECORD.created, engines=engines), results)
    assert not results.exists()


VERSION = f'"schema_version":{RECORD.schema_version}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file as a whole"),
        ("{", "the file as a whole"),
        ("[]", "the file as a whole"),
        ('{"kind": "equivalence"}', "created: Field required"),
        (RECORD.model_dump_json().replace(VERSION, '"schema_version":"x"'), "schema_version"),
        (RECORD.model_dump_json().replace(VERSION, '"schema_version":-1'), "schema_version"),
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


BENCHMARK = {"datetime": "2026-01-01T00:00:00Z", "machine_info": {"keras_styles": ENVIRONMENT.model_dump()}}


@pytest.mark.parametrize(
    ("schema", "content"),
    [
        (EquivalenceRecord, RECORD.model_dump(mode="json") | {"schema_version": 99}),
        (EquivalenceRecord, {"schema_version": 99, "all other fields": "have other names"}),
        (BenchmarkRun, BENCHMARK | {"benchmarks": [], "keras_styles": {"schema_version": 99, "unmeasured": []}}),
    ],
)
def test_what_is_only_newer_is_not_to_be_deleted(
    schema: type[EquivalenceRecord | BenchmarkRun], content: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ResultsError) as error:
        load(path, schema)
    assert str(error.value) == f"The record {path} was written by a newer keras-styles; update to read it."


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
