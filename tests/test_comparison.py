"""Comparison: what must not pass does not, by verdict and by the text that a stranger reads."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keras_styles.comparison import (
    AFTER,
    BEFORE,
    Comparison,
    Verdict,
    compare_all,
    compare_modes,
    compare_styles,
    compare_tier,
    compare_with_reference,
    expected,
    failures,
    furthest_apart,
    ulps_apart,
)
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Recipe
from keras_styles.reference import BIAS, KERNEL, Bounded, ComputedIn, train_reference
from keras_styles.styles import STYLES
from keras_styles.training_record import Event, Record, Snapshot
from tests.numpy_training import ENVIRONMENT, start_for, train

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=32, noise=0.1)
RECIPE = Recipe(epochs=4, snapshot_every=1, learning_rate=0.1)


@pytest.fixture
def records() -> dict[str, Record]:
    return {style: train(PROBLEM, RECIPE, style=style) for style in STYLES}


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


def with_loss(record: Record, epoch: int, loss: float) -> Record:
    """Return the record with another loss at one epoch."""
    snapshots = [replace(s, logs={"loss": loss}) if s.epoch == epoch else s for s in record.snapshots]
    return replace(record, snapshots=tuple(snapshots))


def next_up(values: Any) -> Any:
    return np.nextafter(values, np.float32(np.inf), dtype="float32")


def against_others(records: dict[str, Record], changed: Record) -> list[Comparison]:
    return failures(compare_styles({**records, changed.style: changed}))


def test_equal_records_agree_at_every_stage(records: dict[str, Record]) -> None:
    found = compare_styles(records)
    assert not failures(found)
    # Two pairs: how they ran; two variables at the start, then with the loss at four epochs; the optimizer's counter,
    # predictions and evaluation.
    assert len(found) == 2 * (1 + 2 + 4 * 3 + 3)
    stages = {"execution", "initial weights", "weights", "history", "optimizer state", "predictions", "evaluation"}
    assert {c.stage for c in found} == stages
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
        "history": with_loss(record, 4, float(next_up(record.losses[3]))),
        "predictions": replace(record, predictions=next_up(record.predictions)),
        "evaluation": replace(record, evaluation={"loss": float(next_up(record.evaluation["loss"]))}),
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
    loss = float(beyond(third.logs["loss"], fraction))
    changed = {
        "weights": with_weights(record, 3, kernel=beyond(third.weights[KERNEL], fraction)),
        "history": with_loss(record, 3, loss),
        "predictions": replace(record, predictions=beyond(reference.predictions, fraction)),
        "evaluation": replace(record, evaluation={"loss": float(beyond(reference.evaluation, fraction))}),
    }[stage]
    found = compare_with_reference(changed, reference=reference)
    where = [c for c in found if c.stage == stage and c.margin is not None and c.margin > 0.4]
    assert [c.verdict for c in where] == [verdict]
    assert where[0].margin == pytest.approx(fraction, abs=0.2)
    assert failures(found) == [c for c in where if verdict is Verdict.DIFFER]


@pytest.mark.parametrize(("value", "bound"), [(0.0, np.inf), (np.nan, 1.0), (np.inf, np.inf)])
def test_where_the_reference_promises_nothing_nothing_agrees(record: Record, value: float, bound: float) -> None:
    reference = train_reference(PROBLEM, RECIPE, record.initial_weights)
    nothing = replace(reference, evaluation=Bounded(np.asarray(value), np.asarray(bound)))
    assert compare_with_reference(record, reference=nothing)[-1].verdict is Verdict.DIVERGED


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
    record = train(problem, recipe)
    assert record.evaluation["loss"] > record.losses[0]
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
    record = train(PROBLEM, replace(RECIPE, learning_rate=2.0, epochs=20))
    assert np.isfinite(record.predictions).all()
    assert record.diverged is not None
    assert record.diverged.startswith("the loss rose from")
    assert {c.verdict for c in compare_with_reference(record)} == {Verdict.DIVERGED}


def test_missing_variable_is_named(records: dict[str, Record], record: Record) -> None:
    def without_bias(weights: Any) -> Any:
        return {KERNEL: weights[KERNEL]}

    snapshots = tuple(Snapshot(s.epoch, without_bias(s.weights), s.logs) for s in record.snapshots)
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
    trained = train(PROBLEM, FAULTY_RECIPES[fault])
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


def test_the_earliest_moment_comes_first_and_there_the_earliest_stage(
    records: dict[str, Record], record: Record
) -> None:
    """Whatever the order in which the comparisons were made."""
    changed = with_weights(with_loss(record, 1, 9.0), 1, bias=np.ones(1, "float32"))
    changed = with_weights(changed, 4, bias=np.ones(1, "float32"))
    changed = replace(changed, initial_weights={**record.initial_weights, BIAS: np.ones(1, "float32")})
    changed = replace(changed, evaluation={"loss": 9.0}, optimizer_state={"iteration": np.asarray(0)})
    comparisons = compare_styles({**records, "subclassing": changed})
    for found in (failures(comparisons), failures(comparisons[::-1])):
        stages = ["initial weights", "weights", "history", "weights", "optimizer state", "evaluation"]
        assert [c.stage for c in found] == stages
        assert [c.moment for c in found] == [BEFORE, (1, np.inf), (1, np.inf), (4, np.inf), AFTER, AFTER]


def test_a_late_loss_comes_after_an_early_weight(records: dict[str, Record], record: Record) -> None:
    changed = with_loss(with_weights(record, 3, bias=np.ones(1, "float32")), 2, 9.0)
    assert [c.stage for c in against_others(records, changed)] == ["history", "weights"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"ran_as": {"run_eagerly": False, "jit_compile": True}}, "functional ran with jit_compile=False, subclassing"),
        ({"environment": ENVIRONMENT.model_copy(update={"device": "gpu"})}, "device=cpu, subclassing with device=gpu"),
        ({"environment": ENVIRONMENT.model_copy(update={"mode": "xla"})}, "mode=graph, subclassing with mode=xla"),
    ],
)
def test_equal_bits_of_another_execution_do_not_count(
    records: dict[str, Record], record: Record, changed: dict[str, Any], words: str
) -> None:
    found = against_others(records, replace(record, **changed))
    assert [c.stage for c in found] == ["execution"]
    assert words in found[0].reason


def test_a_frozen_variable_is_named(records: dict[str, Record], record: Record) -> None:
    found = against_others(records, replace(record, trainable=(KERNEL,)))
    assert (found[0].stage, found[0].where) == ("variables", "trainable")
    assert found[0].reason == "subclassing has no trainable linear_layer/bias, which functional has"


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ((Event("a", {}), Event("c", {})), "call 1 of functional is 'b', of subclassing 'c'"),
        ((Event("a", {}),), "functional made 2 calls, subclassing 1"),
        ((Event("a", {"loss": 1.0}), Event("b", {})), "has no loss, which subclassing has"),
    ],
)
def test_a_callback_at_another_moment_is_caught(
    records: dict[str, Record], events: tuple[Event, ...], words: str
) -> None:
    called = {style: replace(record, events=(Event("a", {}), Event("b", {}))) for style, record in records.items()}
    assert not failures(compare_styles(called))
    found = against_others(called, replace(called["subclassing"], events=events))
    assert [c.stage for c in found] == ["callbacks"]
    assert words in found[0].reason


def test_what_a_callback_was_told_is_compared(records: dict[str, Record]) -> None:
    told = {style: replace(record, events=(Event("a", {"loss": 1.0}),)) for style, record in records.items()}
    changed = replace(told["subclassing"], events=(Event("a", {"loss": float(next_up(np.float32(1)))}),))
    found = against_others(told, changed)
    assert [(c.stage, c.where) for c in found] == [("callbacks", "loss when a")]


def test_gradients_are_compared_where_there_are_some(records: dict[str, Record]) -> None:
    gradients = {KERNEL: np.ones((2, 1), "float32"), BIAS: np.ones(1, "float32")}
    with_them = {style: replace(record, gradients=gradients) for style, record in records.items()}
    assert not failures(compare_styles(with_them))
    changed = replace(with_them["subclassing"], gradients={**gradients, BIAS: next_up(gradients[BIAS])})
    found = against_others(with_them, changed)
    assert [(c.stage, c.where, c.moment) for c in found] == [("gradients", BIAS, BEFORE)]
    within = {c.verdict for c in compare_with_reference(with_them["functional"]) if c.stage == "gradients"}
    assert within == {Verdict.DIFFER}, "the gradients are not ones"


def test_another_name_in_the_history_is_caught(records: dict[str, Record], record: Record) -> None:
    snapshots = tuple(replace(s, logs={**s.logs, "mae": 1.0}) for s in record.snapshots)
    found = against_others(records, replace(record, snapshots=snapshots))
    assert {(c.stage, c.reason) for c in found} == {("history", "functional has no mae, which subclassing has")}
    assert len(found) == 4


def test_modes_may_be_as_far_apart_as_both_from_the_reference(records: dict[str, Record], record: Record) -> None:
    bound = train_reference(PROBLEM, RECIPE, record.initial_weights).snapshots[2].weights[BIAS].bound.item()
    ours = record.snapshots[2].weights[BIAS]
    verdicts = {}
    for fraction in (0.0, 1.9, 2.1):
        changed = with_weights(record, 3, bias=ours + np.float32(fraction * bound))
        found = compare_modes({"graph": records["functional"], "xla": changed})
        assert {c.tier for c in found} <= {2}
        # Where training starts no mode has had a say yet.
        assert [c.margin for c in found if c.stage == "initial weights"] == [0.0, 0.0]
        where = next(c for c in found if c.where == f"{BIAS} after epoch 3")
        verdicts[fraction] = where.verdict
        assert where.margin == pytest.approx(fraction / 2, abs=0.15)
    assert verdicts == {0.0: Verdict.AGREE, 1.9: Verdict.AGREE, 2.1: Verdict.DIFFER}


def test_a_start_that_is_one_ulp_off_is_not_excused_by_the_mode(records: dict[str, Record], record: Record) -> None:
    start = {**record.initial_weights, BIAS: next_up(record.initial_weights[BIAS])}
    found = failures(compare_modes({"graph": records["functional"], "xla": replace(record, initial_weights=start)}))
    assert [c.stage for c in found] == ["initial weights"]


def test_a_diverged_mode_is_diverged(records: dict[str, Record], record: Record) -> None:
    broken = with_weights(record, 4, bias=np.array([np.nan], "float32"))
    found = compare_modes({"graph": records["functional"], "xla": broken})
    assert [c.verdict for c in found] == [Verdict.DIVERGED]


def test_records_go_by_the_names_they_are_given(record: Record) -> None:
    found = compare_all({"uninterrupted": record, "resumed": record})
    assert {(c.left, c.right) for c in found} == {
        ("uninterrupted", "resumed"),
        ("uninterrupted", "reference"),
        ("resumed", "reference"),
    }


def test_a_recipe_without_a_reference_is_compared_between_styles_only() -> None:
    recipe = replace(RECIPE, loss="mae")
    found = compare_all({style: replace(train(PROBLEM, RECIPE, style=style), recipe=recipe) for style in STYLES})
    assert {c.tier for c in found} == {0}


def test_whole_numbers_are_compared_to_the_bit(records: dict[str, Record], record: Record) -> None:
    changed = replace(record, optimizer_state={"iteration": record.optimizer_state["iteration"] + 1})
    found = against_others(records, changed)
    assert [(c.stage, c.where) for c in found] == [("optimizer state", "iteration")]


def test_a_record_moved_if_a_trained_weight_did(record: Record) -> None:
    final = record.snapshots[-1].weights
    assert record.moved
    assert not replace(record, initial_weights=final).moved
    assert not replace(record, initial_weights={**final, KERNEL: final[KERNEL] + 1}, trainable=(BIAS,)).moved


def test_the_reference_starts_where_the_record_did() -> None:
    """Also when two records of one case start elsewhere, as after a fault in the initial weights."""
    starts = [start_for(PROBLEM, seed) for seed in range(2)]
    assert not [c for start in starts for c in failures(compare_with_reference(train(PROBLEM, RECIPE, start)))]


def stages_and_places(comparisons: list[Comparison]) -> list[tuple[str, str]]:
    return [(c.stage, c.where) for c in comparisons]


AT_EACH_EPOCH = [
    place
    for epoch in (1, 2, 3, 4)
    for place in (
        ("weights", f"{KERNEL} after epoch {epoch}"),
        ("weights", f"{BIAS} after epoch {epoch}"),
        ("history", f"loss at epoch {epoch}"),
    )
]
GRADIENTS = [("gradients", KERNEL), ("gradients", BIAS)]
AT_THE_END = [("predictions", "y"), ("evaluation", "loss")]


def with_gradients(record: Record) -> Record:
    """Return the record with the gradients that the reference has for its first batch."""
    gradients = train_reference(record.problem, record.recipe, record.initial_weights).gradients
    return replace(record, gradients={name: g.value.astype("float32") for name, g in gradients.items()})


def test_all_that_styles_are_compared_at(records: dict[str, Record]) -> None:
    pair = [with_gradients(records[style]) for style in ("functional", "subclassing")]
    found = compare_styles({"functional": pair[0], "subclassing": pair[1]})
    start = [("initial weights", KERNEL), ("initial weights", BIAS)]
    state = [("optimizer state", "iteration")]
    assert stages_and_places(found) == [
        ("execution", "mode and device"),
        *start,
        *GRADIENTS,
        *AT_EACH_EPOCH,
        *state,
        *AT_THE_END,
    ]
    assert {(c.architecture, c.tier, c.left, c.right, c.verdict, c.reason) for c in found} == {
        ("linear_regression", 0, "functional", "subclassing", Verdict.AGREE, "")
    }
    assert [c.moment for c in found] == [
        *[BEFORE] * 5,
        *[(e, np.inf) for e in (1, 2, 3, 4) for _ in range(3)],
        *[AFTER] * 3,
    ]


def test_all_that_is_compared_with_the_reference(record: Record) -> None:
    found = compare_with_reference(with_gradients(record))
    assert stages_and_places(found) == [*GRADIENTS, *AT_EACH_EPOCH, *AT_THE_END]
    assert {(c.architecture, c.tier, c.left, c.right, c.verdict) for c in found} == {
        ("linear_regression", 1, "subclassing", "reference", Verdict.AGREE)
    }
    assert [c.moment for c in found][:3] == [BEFORE, BEFORE, (1, np.inf)]


def test_all_that_modes_are_compared_at(records: dict[str, Record]) -> None:
    modes = {"graph": with_gradients(records["functional"]), "xla": with_gradients(records["functional"])}
    found = compare_modes({**modes, "eager": modes["graph"]})
    once = [("initial weights", KERNEL), ("initial weights", BIAS), *GRADIENTS, *AT_EACH_EPOCH, *AT_THE_END]
    assert stages_and_places(found) == once * 2
    assert [(c.architecture, c.tier, c.left, c.right) for c in found[:: len(once)]] == [
        ("linear_regression", 2, "graph", "xla"),
        ("linear_regression", 2, "xla", "eager"),
    ]
    assert {c.moment for c in found if c.stage == "initial weights"} == {BEFORE}


def test_records_at_every_step_are_compared_at_every_step() -> None:
    recipe = replace(RECIPE, batch_size=20, epochs=2)
    record = train(PROBLEM, recipe, every_step=True)
    expected = [
        ("weights", f"{name} after epoch {epoch}, batch {batch}")
        for epoch in (1, 2)
        for batch in (0, 1)
        for name in (KERNEL, BIAS)
    ]
    for found in (compare_with_reference(record), compare_modes({"graph": record, "xla": record})):
        assert stages_and_places([c for c in found if c.stage == "weights"]) == expected
        assert not failures(found)
        assert not [c for c in found if c.stage == "history"]
        assert [c.moment for c in found if c.where.startswith(KERNEL + " after")] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    wrong = train(PROBLEM, replace(recipe, learning_rate=0.2), every_step=True)
    assert failures(compare_with_reference(replace(wrong, recipe=recipe)))[0].moment == (1, 0)
    assert failures(compare_styles({"right": record, "wrong": wrong}))[0].moment == (1, 0)


def test_the_reference_heeds_what_the_engine_computes_in(record: Record) -> None:
    """A float64 training whose products are float32 is no failure where the engine is known to do that."""
    recipe = replace(RECIPE, dtype="float64")
    narrow = train(PROBLEM, RECIPE)
    wide = {name: value.astype("float64") for name, value in narrow.initial_weights.items()}
    snapshots = tuple(
        replace(s, weights={name: value.astype("float64") for name, value in s.weights.items()})
        for s in narrow.snapshots
    )
    claimed = replace(
        narrow,
        recipe=recipe,
        computed_in=ComputedIn("float64", "float64", "float64"),
        initial_weights=wide,
        snapshots=snapshots,
        predictions=narrow.predictions.astype("f8"),
    )
    assert failures(compare_with_reference(claimed))
    known = replace(claimed, computed_in=ComputedIn("float32", "float32", "float64"))
    late = [c for c in failures(compare_with_reference(known)) if c.stage == "history"]
    assert not late


def test_a_diverged_record_says_which_and_how(records: dict[str, Record]) -> None:
    broken = with_weights(records["subclassing"], 4, bias=np.array([np.nan], "float32"))
    (found,) = failures(compare_styles({"functional": records["functional"], "mine": broken}))
    assert (found.stage, found.where, found.moment, found.left, found.right) == (
        "training",
        "",
        BEFORE,
        "functional",
        "mine",
    )
    assert found.reason == "mine diverged: a loss, weight or prediction is infinite or not a number"
    (alone,) = compare_with_reference(broken, "mine")
    assert (alone.left, alone.reason) == ("mine", found.reason)


def test_only_linear_regression_below_its_stable_rate_is_asked_whether_it_rose(record: Record) -> None:
    risen = replace(record, evaluation={"loss": record.losses[0] * 2})
    assert risen.diverged is None
    fast = replace(risen, recipe=replace(RECIPE, learning_rate=10.0))
    assert fast.diverged is not None
    assert replace(fast, architecture="multilayer_network").diverged is None
    assert replace(fast, recipe=replace(fast.recipe, optimizer="adam")).diverged is None


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (np.zeros((3, 1), "float32"), "subclassing has shape (3, 1) and dtype float32, the reference has shape (2, 1)"),
        (np.zeros((2, 1), "float64"), "subclassing has shape (2, 1) and dtype float64, the reference has shape (2, 1)"),
    ],
)
def test_where_no_reference_can_start_is_said(record: Record, start: Any, words: str) -> None:
    changed = replace(record, initial_weights={**record.initial_weights, KERNEL: start})
    found = compare_with_reference(changed)
    assert [(c.stage, c.where, c.moment, c.verdict) for c in found] == [
        ("initial weights", KERNEL, BEFORE, Verdict.DIFFER)
    ]
    assert found[0].reason.startswith(words)
    assert found[0].left == "subclassing"


def test_a_record_with_other_variables_than_the_reference_is_told_apart(record: Record) -> None:
    weights = {**record.initial_weights, "extra/kernel": np.zeros(1, "float32")}
    (found,) = compare_with_reference(replace(record, initial_weights=weights))
    assert (found.stage, found.where, found.moment) == ("variables", "names", BEFORE)
    assert found.reason == "reference has no extra/kernel, which subclassing has"


def test_a_record_with_other_snapshots_than_the_reference_is_told_apart(record: Record) -> None:
    (found,) = compare_with_reference(replace(record, snapshots=record.snapshots[1:]))
    assert (found.stage, found.where, found.reason) == (
        "history",
        "epochs",
        "subclassing has other snapshots than the recipe asks for",
    )


def test_each_tier_is_compared_in_its_way_and_expects_its_own(records: dict[str, Record]) -> None:
    pair = {"graph": records["functional"], "xla": records["subclassing"]}
    tiers = {tier: compare_tier(tier, pair) for tier in (0, 1, 2)}
    assert [{c.tier for c in found} for found in tiers.values()] == [{0, 1}, {0, 1}, {2}]
    styles, reference, modes = (
        expected(next(c for c in found if c.tier == tier), pair) for tier, found in tiers.items()
    )
    assert styles is None
    assert reference is not None
    assert modes is not None
    theirs = pair["xla"].snapshots[-1].weights[BIAS]
    assert reference.snapshots[-1].weights[BIAS].value != theirs
    assert modes.snapshots[-1].weights[BIAS].value == theirs
    assert modes.snapshots[-1].weights[BIAS].bound == 2 * reference.snapshots[-1].weights[BIAS].bound
    assert modes.predictions.value.dtype == np.float64


def test_the_numbers_of_a_late_loss_are_those_of_its_epoch(record: Record) -> None:
    found = failures(compare_with_reference(with_loss(record, 3, 9.0)))
    assert [(c.stage, c.where, c.moment) for c in found] == [("history", "loss at epoch 3", (3, np.inf))]
    assert found[0].worst is not None
    assert (found[0].worst.left, found[0].worst.dtype) == (9.0, "float32")
    (late,) = failures(compare_with_reference(replace(record, evaluation={"loss": 9.0})))
    assert late.worst is not None
    assert (late.stage, late.moment, late.worst.dtype) == ("evaluation", AFTER, "float32")


def facts(comparison: Comparison) -> tuple[Any, ...]:
    return (comparison.stage, comparison.where, comparison.moment, comparison.verdict, comparison.reason)


def test_each_reason_comes_with_its_stage_place_and_moment(records: dict[str, Record], record: Record) -> None:
    kernel = record.snapshots[1].weights[KERNEL]
    place = ("weights", f"{KERNEL} after epoch 2", (2, np.inf))
    shape = against_others(records, with_weights(record, 2, kernel=kernel[:1]))
    assert facts(shape[0]) == (*place, Verdict.DIFFER, "functional has shape (2, 1), subclassing has shape (1, 1)")
    dtype = against_others(records, with_weights(record, 2, kernel=kernel.astype("float16")))
    words = "subclassing has dtype float16, the recipe asks for float32"
    assert facts(dtype[0]) == (*place, Verdict.DIFFER, words)
    snapshots = tuple(replace(s, logs={}) if s.epoch == 3 else s for s in record.snapshots)
    (history,) = against_others(records, replace(record, snapshots=snapshots))
    assert facts(history) == (
        *("history", "names at epoch 3", (3, np.inf)),
        Verdict.DIFFER,
        "subclassing has no loss, which functional has",
    )
    called = {style: replace(each, events=(Event("a", {"loss": 1.0}),)) for style, each in records.items()}
    (moments,) = against_others(called, replace(called["subclassing"], events=(Event("b", {}),)))
    reason = "call 0 of functional is 'a', of subclassing 'b'"
    assert facts(moments) == ("callbacks", "moments", AFTER, Verdict.DIFFER, reason)
    (counts,) = against_others(called, replace(called["subclassing"], events=()))
    assert facts(counts)[:3] == ("callbacks", "moments", AFTER)
    (told,) = against_others(called, replace(called["subclassing"], events=(Event("a", {}),)))
    assert facts(told)[:3] == ("callbacks", "names when a", AFTER)
    found = compare_styles({style: called[style] for style in ("functional", "subclassing")})
    (loss,) = [c for c in found if c.stage == "callbacks"]
    assert loss.worst is not None
    assert (loss.moment, loss.worst.dtype) == (AFTER, "float32")


def test_what_is_not_finite_is_told_where_it_is(records: dict[str, Record], record: Record) -> None:
    """Where the training itself is finite: a callback may be told what is not."""
    told = {style: replace(each, events=(Event("a", {"loss": np.nan}),)) for style, each in records.items()}
    (found, *_) = failures(compare_styles(told))
    reason = "a value is infinite or not a number, which equals nothing"
    assert facts(found) == ("callbacks", "loss when a", AFTER, Verdict.DIVERGED, reason)
    reference = train_reference(PROBLEM, RECIPE, record.initial_weights)
    nothing = replace(reference, predictions=Bounded(reference.predictions.value, np.full((32, 1), np.inf)))
    (unbounded,) = failures(compare_with_reference(record, reference=nothing))
    reason = "the reference promises nothing here: it may leave the range of float32, or rounding decides"
    assert facts(unbounded) == ("predictions", "y", AFTER, Verdict.DIVERGED, reason)


def test_several_missing_names_and_ways_to_run_are_all_told(records: dict[str, Record], record: Record) -> None:
    (names,) = against_others(records, replace(record, trainable=("b", "a")))[:1]
    assert names.reason == (
        f"functional has no trainable a, b, which subclassing has; subclassing has no trainable {BIAS}, {KERNEL}, "
        "which functional has"
    )
    (ran,) = against_others(records, replace(record, ran_as={"run_eagerly": True, "jit_compile": True}))
    assert ran.reason == (
        "functional ran with run_eagerly=False, subclassing with run_eagerly=True; "
        "functional ran with jit_compile=False, subclassing with jit_compile=True"
    )


def test_a_difference_that_is_just_allowed_agrees(record: Record) -> None:
    reference = train_reference(PROBLEM, RECIPE, record.initial_weights)
    difference = np.abs(record.predictions - reference.predictions.value)
    exact = replace(reference, predictions=Bounded(reference.predictions.value, difference))
    assert compare_with_reference(record, reference=exact)[-2].verdict is Verdict.AGREE
    less = replace(reference, predictions=Bounded(reference.predictions.value, difference * (1 - 1e-12)))
    assert compare_with_reference(record, reference=less)[-2].verdict is Verdict.DIFFER


def test_a_record_without_a_look_at_its_training_agrees_with_nothing(records: dict[str, Record]) -> None:
    empty = replace(records["subclassing"], snapshots=())
    (found,) = compare_styles({"functional": records["functional"], "subclassing": empty})
    reason = "subclassing has no snapshot of its training"
    assert facts(found) == ("training", "", BEFORE, Verdict.DIFFER, reason)


def test_two_diverged_records_are_one_verdict(records: dict[str, Record]) -> None:
    broken = {
        style: with_weights(records[style], 4, bias=np.array([np.nan], "float32"))
        for style in ("functional", "subclassing")
    }
    (found,) = compare_styles(broken)
    assert found.reason.startswith("functional diverged")


def test_the_place_of_what_has_no_numbers(records: dict[str, Record], record: Record) -> None:
    renamed = {"other/kernel": record.initial_weights[KERNEL], BIAS: record.initial_weights[BIAS]}
    names = against_others(records, replace(record, initial_weights=renamed))[0]
    assert (names.stage, names.where) == ("variables", "names")
    epochs = against_others(records, replace(record, snapshots=record.snapshots[:-1]))[0]
    assert (epochs.stage, epochs.where) == ("history", "epochs")


def test_the_worst_element_is_the_one_furthest_beyond_what_is_allowed_there(record: Record) -> None:
    """Not the one that is furthest away, nor the first, nor one that is equal."""
    reference = train_reference(PROBLEM, RECIPE, record.initial_weights)
    value = record.predictions.astype("float64")
    bound = np.full((32, 1), 1e-3)
    away = np.zeros((32, 1))
    away[3], bound[3] = 1.0, 10.0  # far, but less than allowed
    away[7], bound[7] = 0.5, 0.01  # fifty times too far
    away[9] = 0.002  # twice too far
    (found,) = failures(
        compare_with_reference(record, reference=replace(reference, predictions=Bounded(value + away, bound)))
    )
    assert found.worst is not None
    assert (found.worst.index, found.worst.allowed) == ((7, 0), 0.01)
    assert found.margin == pytest.approx(50)
    away[11], bound[11] = 1e-6, 0.0  # nothing is allowed, so this is infinitely too far
    (found,) = failures(
        compare_with_reference(record, reference=replace(reference, predictions=Bounded(value + away, bound)))
    )
    assert found.worst is not None
    assert (found.worst.index, found.margin) == ((11, 0), np.inf)


@pytest.mark.parametrize(
    ("difference", "allowed", "index"),
    [
        ([0.0, 0.5], [1.0, 1.0], 1),
        ([1.0, 0.0], [2.0, 0.0], 0),
        ([1e-9, 1.0], [0.0, 0.1], 0),
        ([1.0, 2.0, 1.0], [0.0, 0.0, 0.0], 1),
        ([3.0, 2.0], [6.0, 1.0], 1),
    ],
)
def test_furthest_apart_is_what_exceeds_its_bound_most(
    difference: list[float], allowed: list[float], index: int
) -> None:
    assert furthest_apart(np.array(difference), np.array(allowed)) == (index,)


def test_an_optimizer_state_has_the_dtype_of_the_weights(records: dict[str, Record]) -> None:
    for dtype, agrees in (("float32", True), ("float64", False)):
        state = {"velocity": np.ones(2, dtype)}
        found = failures(compare_styles({name: replace(r, optimizer_state=state) for name, r in records.items()}))
        assert bool(found) != agrees
        assert {comparison.stage for comparison in found} <= {"optimizer state"}


def test_the_second_of_two_modes_has_to_fit_the_reference_too(record: Record) -> None:
    flat = {name: value.ravel() for name, value in record.initial_weights.items()}
    found = compare_modes({"graph": record, "xla": replace(record, initial_weights=flat)})
    assert [(comparison.stage, comparison.where) for comparison in found] == [("initial weights", KERNEL)]
    assert found[0].verdict is Verdict.DIFFER


def test_one_shuffled_batch_has_a_reference(record: Record) -> None:
    """Whether it has, depends on how many batches the problem makes."""
    shuffled = replace(record, recipe=replace(RECIPE, shuffle=True))
    assert {comparison.tier for comparison in compare_all({"a": shuffled, "b": shuffled})} == {0, 1}


def test_what_float32_cannot_hold_lies_as_far_as_infinity() -> None:
    assert ulps_apart(1e300, 0.0, "float32") == ulps_apart(float("inf"), 0.0, "float32")
