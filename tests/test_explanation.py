"""Explanation: the text of a failure, word by word, and the command that repeats the case."""

import json
import shlex
from dataclasses import replace

import numpy as np
import pytest

from keras_styles.cases import read_problem, read_recipe, read_start
from keras_styles.comparison import Comparison, compare_all, compare_styles, failures, ulps_apart
from keras_styles.explanation import explain, repeat_command
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Recipe
from keras_styles.reference import BIAS, KERNEL, train_reference
from keras_styles.styles import STYLES
from keras_styles.training_record import Record
from tests.numpy_training import train

PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=32, noise=0.1)
RECIPE = Recipe(epochs=4, snapshot_every=1, learning_rate=0.1)


@pytest.fixture
def records() -> dict[str, Record]:
    return {style: train(PROBLEM, RECIPE, style=style) for style in STYLES}


def moved_kernel(record: Record, epoch: int, by: float) -> Record:
    """Return the record with its kernel moved in the second feature at one epoch."""
    snapshots = list(record.snapshots)
    kernel = snapshots[epoch - 1].weights[KERNEL].copy()
    kernel[1, 0] += np.float32(by)
    snapshots[epoch - 1] = replace(snapshots[epoch - 1], weights={**snapshots[epoch - 1].weights, KERNEL: kernel})
    return replace(record, snapshots=tuple(snapshots))


def test_one_style_that_parts_is_named_with_all_that_a_stranger_needs(records: dict[str, Record]) -> None:
    record = records["subclassing"]
    changed = records | {"subclassing": moved_kernel(record, 2, 0.5)}
    right, wrong = (float(r.snapshots[1].weights[KERNEL][1, 0]) for r in (record, changed["subclassing"]))
    comparisons = compare_all(changed)
    assert explain(comparisons, changed).splitlines() == [
        "functional and subclassing do not agree.",
        "  architecture  linear_regression",
        "  stage         weights: linear_layer/kernel after epoch 2",
        "  at index      [1, 0]",
        f"  observed      functional {right!r}, subclassing {wrong!r}",
        f"  difference    0.5, which is {ulps_apart(right, wrong, 'float32')} ULPs of float32",
        "  allowed       no difference: the same engine, device and mode must give the same bits",
        f"  besides       1 more of {len(comparisons)} comparisons fail; this is the earliest",
        "  reference     subclassing left the bound of the float64 training; functional, sequential stayed within",
        f"  problem       {PROBLEM!r}",
        "  recipe        Recipe(learning_rate=0.1, epochs=4, snapshot_every=1)",
        "  environment   keras 3.15.1, tensorflow 2.21.0, numpy 2.0.0, python 3.11.0, cpu, graph",
        f"  repeat it     {repeat_command(record)}",
    ]


def test_all_styles_that_leave_the_reference_may_be_wrong_together(records: dict[str, Record]) -> None:
    changed = {style: moved_kernel(record, 3, 0.5) for style, record in records.items()}
    bound = train_reference(PROBLEM, RECIPE, records["functional"].initial_weights).snapshots[2].weights[KERNEL].bound
    lines = explain(compare_all(changed), changed).splitlines()
    assert lines[0] == "sequential and reference do not agree."
    assert f"  allowed       {bound[1, 0]:.6g}, the rounding error derived for this problem and recipe" in lines
    outside = "functional, sequential, subclassing left the bound of the float64 training"
    assert f"  reference     {outside}, so they may be wrong together" in lines


def test_where_it_begins_and_where_it_is_kept(records: dict[str, Record]) -> None:
    changed = records | {"subclassing": moved_kernel(records["subclassing"], 2, 0.5)}
    comparisons = compare_all(changed)
    found = failures(comparisons)[0]
    first = replace(found, where="linear_layer/kernel after epoch 2, batch 0", moment=(2, 0))
    lines = explain(comparisons, changed, first, "results/failures/a case").splitlines()
    assert first.worst is not None
    assert lines[7] == (
        f"  it begins at  weights: linear_layer/kernel after epoch 2, batch 0 [1, 0] (functional {first.worst.left!r}, "
        f"subclassing {first.worst.right!r}, {first.worst.ulps} ULPs)"
    )
    assert lines[-2:] == [
        "  kept in       results/failures/a case",
        "  repeat it     keras-styles replay 'results/failures/a case'",
    ]
    words = Comparison("", 0, "variables", "names", "a", "b", first.verdict, reason="a has no bias")
    assert "  it begins at  variables: names (a has no bias)" in explain(comparisons, changed, words)
    assert "it begins at" not in explain(comparisons, changed, found), "that would say the same again"


def test_a_diverged_training_is_told_what_to_do(records: dict[str, Record]) -> None:
    nan = moved_kernel(records["functional"], 4, np.nan)
    changed = records | {"functional": nan}
    lines = explain(compare_all(changed), changed).splitlines()
    assert lines[0] == "sequential against functional: diverged, so nothing can be said about agreement."
    assert "  observed      functional diverged: a loss, weight or prediction is infinite or not a number" in lines
    assert "  what to do    lower the learning rate, or rescale the data (for a table: standardized=True)" in lines
    assert not [line for line in lines if "besides" in line or "allowed" in line]


def test_the_command_holds_the_case(records: dict[str, Record]) -> None:
    """What the shell makes of it is what was trained."""
    options = {"momentum": 0.9}
    record = replace(records["functional"], recipe=replace(RECIPE, options=options), architecture="multilayer_network")
    words = shlex.split(repeat_command(record))
    assert words[:4] == ["KERAS_BACKEND=tensorflow", "KERAS_STYLES_DEVICE=cpu", "keras-styles", "check"]
    assert (read_problem(words[4]), read_recipe(words[5])) == (record.problem, record.recipe)
    assert words[6:] == ["--architecture", "multilayer_network"]


def test_given_weights_are_in_the_command(records: dict[str, Record]) -> None:
    record = records["functional"]
    assert "--start" not in repeat_command(record)
    words = shlex.split(repeat_command(replace(record, weights_were_given=True)))
    start = json.loads(words[words.index("--start") + 1])
    assert start == {name: value.tolist() for name, value in record.initial_weights.items()}
    read = read_start(json.dumps(start))
    assert read is not None
    assert set(read) == {KERNEL, BIAS}
    assert train(PROBLEM, RECIPE, read).predictions.tobytes() == record.predictions.tobytes()


def test_a_stage_without_a_place_stands_alone(records: dict[str, Record]) -> None:
    empty = {style: replace(record, snapshots=()) for style, record in records.items()}
    assert "  stage         training" in explain(compare_styles(empty), empty).splitlines()
