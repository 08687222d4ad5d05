"""Comparison: what must not pass does not, by verdict and by the text that a stranger reads."""

import json
import shlex
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keras_styles import runtime
from keras_styles.architectures.linear_regression import ARCHITECTURE
from keras_styles.cli import read_start
from keras_styles.comparison import (
    Comparison,
    Verdict,
    compare_styles,
    compare_with_reference,
    explain,
    failures,
    repeat_command,
    ulps_apart,
)
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Recipe
from keras_styles.reference import BIAS, KERNEL, Bounded, train_reference
from keras_styles.training import Record, Snapshot, Trainer

PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=32, noise=0.1)
RECIPE = Recipe(epochs=4, snapshot_every=1, learning_rate=0.1)


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    return Trainer(ARCHITECTURE, runtime.chosen_device()).train_styles(PROBLEM, RECIPE)


@pytest.fixture
def record(records: dict[str, Record]) -> Record:
    return records["subclassing"]


def with_weights(record: Record, epoch: int, **changed: Any) -> Record:
    """Return the record with other weights at one epoch; names as `kernel` and `bias`."""
    snapshots = [
        replace(s, weights={**s.weights, **{f"linear_layer/{k}": v for k, v in changed.items()}})
        if s.epoch == epoch
        else s
        for s in record.snapshots
    ]
    return replace(record, snapshots=tuple(snapshots))


def next_up(values: Any) -> Any:
    return np.nextafter(values, np.float32(np.inf), dtype="float32")


def against_others(records: dict[str, Record], changed: Record) -> list[Comparison]:
    return failures(compare_styles({**records, changed.style: changed}))


def test_equal_records_agree_at_every_stage(records: dict[str, Record]) -> None:
    found = compare_styles(records)
    assert not failures(found)
    # Two pairs, with two variables: at the start, then with the loss at four epochs; predictions and evaluation.
    assert len(found) == 2 * (2 + 4 * 3 + 2)
    assert {c.stage for c in found} == {"initial weights", "weights", "history", "predictions", "evaluation"}
    assert all(c.margin is None for c in found)


def test_records_agree_with_the_reference_and_report_margins(record: Record) -> None:
    found = compare_with_reference(record)
    assert not failures(found)
    assert all(c.margin is not None and 0 <= c.margin <= 1 for c in found)
    assert any(c.margin for c in found)


@pytest.mark.parametrize("stage", ["initial weights", "weights", "history", "predictions", "evaluation"])
def test_one_ulp_at_any_stage_is_caught_and_named(records: dict[str, Record], record: Record, stage: str) -> None:
    changed = {
        "initial weights": replace(
            record, initial_weights={**record.initial_weights, BIAS: next_up(np.zeros(1, "f4"))}
        ),
        "weights": with_weights(record, 3, kernel=next_up(record.snapshots[2].weights[KERNEL])),
        "history": replace(
            record,
            snapshots=(*record.snapshots[:3], replace(record.snapshots[3], loss=next_up(record.snapshots[3].loss))),
        ),
        "predictions": replace(record, predictions=next_up(record.predictions)),
        "evaluation": replace(record, evaluation=float(next_up(record.evaluation))),
    }[stage]
    found = against_others(records, changed)
    assert [c.stage for c in found] == [stage]
    assert found[0].verdict is Verdict.DIFFER
    assert found[0].worst is not None
    assert found[0].worst.ulps == 1


def beyond(bounded: Bounded, fraction: float) -> Any:
    """Return the reference's value moved away by a fraction of what is allowed, in float32."""
    return (bounded.value + fraction * bounded.bound).astype("float32")


@pytest.mark.parametrize(("fraction", "verdict"), [(0.5, Verdict.AGREE), (2.0, Verdict.DIFFER)])
@pytest.mark.parametrize("stage", ["weights", "history", "predictions", "evaluation"])
def test_the_bound_decides_at_every_stage(record: Record, stage: str, fraction: float, verdict: Verdict) -> None:
    reference = train_reference(PROBLEM, RECIPE, record.initial_weights)
    third = reference.snapshots[2]
    loss = float(beyond(third.loss, fraction))
    changed = {
        "weights": with_weights(record, 3, kernel=beyond(third.weights[KERNEL], fraction)),
        "history": replace(
            record,
            snapshots=(*record.snapshots[:2], replace(record.snapshots[2], loss=loss), record.snapshots[3]),
        ),
        "predictions": replace(record, predictions=beyond(reference.predictions, fraction)),
        "evaluation": replace(record, evaluation=float(beyond(reference.evaluation, fraction))),
    }[stage]
    found = compare_with_reference(changed, reference)
    where = [c for c in found if c.stage == stage and c.margin is not None and c.margin > 0.4]
    assert [c.verdict for c in where] == [verdict]
    assert where[0].margin == pytest.approx(fraction, abs=0.2)
    assert failures(found) == [c for c in where if verdict is Verdict.DIFFER]


@pytest.mark.parametrize(("value", "bound"), [(0.0, np.inf), (np.nan, 1.0), (np.inf, np.inf)])
def test_where_the_reference_promises_nothing_nothing_agrees(record: Record, value: float, bound: float) -> None:
    reference = train_reference(PROBLEM, RECIPE, record.initial_weights)
    nothing = replace(reference, evaluation=Bounded(np.asarray(value), np.asarray(bound)))
    assert compare_with_reference(record, nothing)[-1].verdict is Verdict.DIVERGED


def test_one_diverged_style_makes_both_of_its_pairs_diverged(records: dict[str, Record]) -> None:
    broken = with_weights(records["functional"], 4, bias=np.array([np.nan], "float32"))
    found = compare_styles({**records, "functional": broken})
    assert [(c.left, c.right, c.verdict) for c in found] == [
        ("sequential", "functional", Verdict.DIVERGED),
        ("functional", "subclassing", Verdict.DIVERGED),
    ]


def test_noise_below_the_stable_rate_is_not_divergence() -> None:
    """Mini-batches can leave a higher loss than they found without anything coming apart."""
    problem = LinearProblem(weights=(0.0,), noise=1.0, scale=0.001, samples=8, data_seed=3)
    recipe = Recipe(epochs=10, snapshot_every=1, batch_size=2, learning_rate=0.85)
    record = Trainer(ARCHITECTURE).train("functional", problem, recipe)
    assert record.evaluation > record.snapshots[0].loss
    assert record.diverged is None


def test_negative_zero_is_not_zero_to_the_bit(records: dict[str, Record], record: Record) -> None:
    changed = replace(record, initial_weights={**record.initial_weights, BIAS: np.array([-0.0], "float32")})
    assert [c.stage for c in against_others(records, changed)] == ["initial weights"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_diverged_even_if_all_styles_share_it(records: dict[str, Record], value: float) -> None:
    everywhere = {
        style: with_weights(record, 4, bias=np.array([value], "float32")) for style, record in records.items()
    }
    assert {c.verdict for c in compare_styles(everywhere)} == {Verdict.DIVERGED}
    assert {c.verdict for r in everywhere.values() for c in compare_with_reference(r)} == {Verdict.DIVERGED}


def test_growing_loss_is_diverged_before_it_overflows() -> None:
    record = Trainer(ARCHITECTURE).train("functional", PROBLEM, replace(RECIPE, learning_rate=2.0, epochs=20))
    assert np.isfinite(record.predictions).all()
    assert record.diverged is not None
    assert record.diverged.startswith("the loss rose from")
    assert {c.verdict for c in compare_with_reference(record)} == {Verdict.DIVERGED}


def test_missing_variable_is_named(records: dict[str, Record], record: Record) -> None:
    def without_bias(weights: Any) -> Any:
        return {KERNEL: weights[KERNEL]}

    snapshots = tuple(Snapshot(s.epoch, without_bias(s.weights), s.loss) for s in record.snapshots)
    changed = replace(record, initial_weights=without_bias(record.initial_weights), snapshots=snapshots)
    found = against_others(records, changed)
    assert found[0].stage == "variables"
    assert found[0].reason == "subclassing has no linear_layer/bias, which functional has"


@pytest.mark.parametrize(
    ("predictions", "words"),
    [
        (np.zeros(32, "float32"), "has shape (32,)"),
        (np.zeros((32, 1), "float64"), "has dtype float64, the recipe asks for float32"),
        (np.zeros((32, 1), "float16"), "has dtype float16, the recipe asks for float32"),
    ],
)
def test_another_shape_or_dtype_is_caught_by_name(
    records: dict[str, Record], record: Record, predictions: Any, words: str
) -> None:
    found = against_others(records, replace(record, predictions=predictions))
    assert found[0].stage == "predictions"
    assert words in found[0].reason


def test_a_record_with_fewer_snapshots_is_caught(records: dict[str, Record], record: Record) -> None:
    shorter = replace(record, snapshots=record.snapshots[:-1])
    assert "snapshots" in against_others(records, shorter)[0].reason
    assert "snapshots" in failures(compare_with_reference(shorter))[0].reason


FAULTY_RECIPES = {
    "learning rate off by 1e-4": replace(RECIPE, learning_rate=0.1 * 1.0001),
    "learning rate of the sum instead of the mean": replace(RECIPE, learning_rate=0.1 * 32),
    "batches instead of all at once": replace(RECIPE, batch_size=16),
}


@pytest.mark.parametrize("fault", FAULTY_RECIPES)
def test_another_training_leaves_the_bound_of_the_reference(fault: str) -> None:
    """The reference catches what all three styles would have in common."""
    trained = Trainer(ARCHITECTURE).train("functional", PROBLEM, FAULTY_RECIPES[fault])
    claimed = replace(trained, recipe=RECIPE)
    assert failures(compare_with_reference(claimed)), fault


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.integers(0, 50))
@example(0.0, 1)
@example(-1e-45, 3)
@example(-1.0, 7)
def test_ulps_count_the_steps_between_two_numbers(start: float, steps: int) -> None:
    end = np.float32(start)
    for _ in range(steps):
        end = np.nextafter(end, np.float32(np.inf))
    if np.isfinite(end):
        assert ulps_apart(start, float(end), "float32") == ulps_apart(float(end), start, "float32") == steps


def test_the_text_of_a_failure_says_what_a_stranger_needs(records: dict[str, Record], record: Record) -> None:
    kernel = record.snapshots[1].weights[KERNEL].copy()
    kernel[1, 0] += np.float32(0.5)
    changed = with_weights(record, 2, kernel=kernel)
    found = against_others(records, changed)
    text = explain(found[0], records["functional"], others=3)
    right, wrong = (float(r.snapshots[1].weights[KERNEL][1, 0]) for r in (record, changed))
    here = record.environment
    assert text.splitlines() == [
        "functional and subclassing do not agree.",
        "  architecture  linear_regression",
        "  stage         weights: linear_layer/kernel after epoch 2",
        "  at index      [1, 0]",
        f"  observed      functional {right!r}, subclassing {wrong!r}",
        f"  difference    0.5, which is {ulps_apart(right, wrong, 'float32')} ULPs of float32",
        "  allowed       no difference: the same engine, device and mode must give the same bits",
        "  besides       3 more comparisons of this case fail; this is the earliest stage",
        f"  problem       {PROBLEM!r}",
        f"  recipe        {RECIPE!r}",
        f"  environment   keras {here.keras}, {here.engine} {here.engine_version}, numpy {here.numpy}, "
        f"python {here.python}, {here.device}, {here.mode}",
        f"  repeat it     {repeat_command(record)}",
    ]


def test_the_text_of_a_left_bound_shows_what_was_allowed(record: Record) -> None:
    changed = with_weights(record, 2, bias=record.snapshots[1].weights[BIAS] + np.float32(0.5))
    found = failures(compare_with_reference(changed))
    text = explain(found[0], changed)
    assert text.startswith("subclassing and reference do not agree.")
    assert found[0].worst is not None
    assert (
        f"  allowed       {found[0].worst.allowed:.6g}, the rounding error derived for this problem and recipe" in text
    )
    assert found[0].margin is not None
    assert found[0].margin > 1


def test_the_earliest_stage_comes_first(records: dict[str, Record], record: Record) -> None:
    """Whatever the order in which the comparisons were made."""
    first = replace(record.snapshots[0], loss=9.0)
    changed = with_weights(replace(record, snapshots=(first, *record.snapshots[1:])), 4, bias=np.ones(1, "float32"))
    changed = replace(changed, initial_weights={**record.initial_weights, BIAS: np.ones(1, "float32")})
    comparisons = compare_styles({**records, "subclassing": changed})
    for found in (failures(comparisons), failures(comparisons[::-1])):
        assert [c.stage for c in found] == ["initial weights", "weights", "history"]


def test_given_weights_are_in_the_command_that_repeats_the_case(record: Record) -> None:
    assert "--start" not in repeat_command(record)
    given = replace(record, weights_were_given=True)
    start = json.loads(shlex.split(repeat_command(given))[-1])
    assert start == {name: value.tolist() for name, value in record.initial_weights.items()}
    restarted = read_start(json.dumps(start), PROBLEM.features)
    assert restarted is not None
    again = Trainer(ARCHITECTURE).train("subclassing", PROBLEM, RECIPE, restarted)
    assert again.predictions.tobytes() == record.predictions.tobytes()
