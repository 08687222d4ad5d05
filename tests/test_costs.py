"""Costs: made-up processes of known truth give the right ratios, and a run that cannot be believed says why."""

from datetime import UTC, datetime

import numpy as np
import pytest

from keras_styles.costs import conclude
from keras_styles.environment import Environment
from keras_styles.styles import STYLES
from keras_styles.workloads import (
    CONTENDERS,
    EPOCHS,
    PHASES,
    STEPS,
    TWIN,
    Counters,
    MeasuredWorkload,
    Phase,
    ProcessRecord,
    Workload,
)

FIT = Workload(architecture="deep_stack", phase="fit")
CALL = Workload(architecture="tree_rnn", phase="call")
COUNTERS = Counters(
    variables=4,
    traces=1,
    retraces=1,
    python_calls=2,
    layer_calls=8,
    forward_ops=20,
    step_ops=None,
    dataset_iterators=None,
)
TRUTH = {"sequential": 1.0, "functional": 1.0, "subclassing": 1.2, "twin": 1.0, "floor": 0.1, "numpy": 0.05}
ENVIRONMENT = Environment.model_construct(
    **dict.fromkeys(Environment.model_fields) | {"engine": "jax", "device": "cpu"}
)


def run(truth: dict[str, float], drift: float = 1.0) -> list[ProcessRecord]:
    """Return six processes, on a machine that becomes slower by a factor."""
    random = np.random.default_rng(0)
    records = []
    for number, slow in enumerate(np.geomspace(1, drift, 6)):
        rounds = {name: [int(x) for x in 1e6 * slow * t * random.lognormal(0, 0.003, 9)] for name, t in truth.items()}
        records.append(
            ProcessRecord.model_construct(
                number=number,
                created=datetime.now(UTC),
                environment=ENVIRONMENT,
                pulse_nanoseconds=[int(1000 * slow)],
                measured=[MeasuredWorkload(workload=FIT, nanoseconds=rounds)],
                counters={"deep_stack": dict.fromkeys(STYLES, COUNTERS)},
            )
        )
    return records


@pytest.mark.parametrize("drift", [1.0, 1.5])
def test_a_good_run_says_what_is_true(drift: float) -> None:
    conclusion = conclude(run(TRUTH, drift))
    costs = {cost.contender: cost for cost in conclusion.costs}
    judged = costs["subclassing"].judgement
    assert conclusion.proves_nothing == []
    assert judged is not None
    assert judged.verdict == "slower"
    assert judged.ratio == pytest.approx(1.2, rel=0.01)
    assert costs["subclassing"].times_floor == pytest.approx(12, rel=0.01)
    assert costs["subclassing"].times_numpy == pytest.approx(24, rel=0.01)
    assert costs["functional"].seconds == pytest.approx(1e-3 * drift**0.5, rel=0.01)  # the middle of the drift
    assert costs["functional"].judgement is None
    assert costs["floor"].times_floor is None


def test_a_flagged_twin_and_too_much_drift_prove_nothing() -> None:
    twin, drift = conclude(run(TRUTH | {"twin": 1.1}, 2.5)).proves_nothing
    assert "came out slower in deep_stack fit" in twin
    assert "2.5 times as long in the slowest process as in the fastest" in drift


def test_a_bias_of_the_twin_that_no_cell_shows_is_seen_on_average() -> None:
    """Simulated: three processes, and a machine that calls the second of two the same things 1.5 % slower."""

    def of(bias: float) -> list[ProcessRecord]:
        random = np.random.default_rng(1)
        records = run(TRUTH)[:3]
        for record in records:
            record.measured[:] = [
                MeasuredWorkload(
                    workload=Workload(architecture="deep_stack", phase=phase),
                    nanoseconds={
                        name: [int(1e6 * (bias if name == TWIN else 1) * random.lognormal(0, 0.01)) for _ in range(9)]
                        for name in (*STYLES, TWIN)
                    },
                )
                for phase in PHASES
            ]
        return records

    assert conclude(of(1.0)).proves_nothing == []
    assert conclude(of(1.003)).proves_nothing == [], "less than half of what is no difference hurts no verdict"
    (sentence,) = conclude(of(1.015)).proves_nothing
    assert "came out slower on the average of all workloads: 1.01" in sentence
    assert conclude(interrupted(of(1.015))).proves_nothing == [sentence]
    lost = of(1.015)
    lost[1].measured[0] = MeasuredWorkload(workload=lost[1].measured[0].workload, why_not="out of memory")
    (without_one,) = conclude(lost).proves_nothing
    assert "came out slower on the average of all workloads: 1.01" in without_one


def interrupted(records: list[ProcessRecord]) -> list[ProcessRecord]:
    """Return the records as if the last process had been interrupted, and another one had measured what was left."""
    (*whole, last) = records
    parts = [last.model_copy(update={"measured": last.measured[part]}) for part in (slice(0, 5), slice(5, None))]
    return [*whole, parts[0], parts[1].model_copy(update={"number": len(records)})]


def test_a_run_that_was_interrupted_has_as_many_processes_as_answered_for_each_workload() -> None:
    records = run(TRUTH)
    for record in records:
        (fit,) = record.measured
        workloads = [Workload(architecture="deep_stack", phase=phase) for phase in PHASES]
        record.measured[:] = [fit.model_copy(update={"workload": workload}) for workload in workloads]
    assert conclude(interrupted(records)).processes == conclude(records).processes == 6


def test_what_was_never_counted_proves_nothing() -> None:
    records = [record.model_copy(update={"counters": {}}) for record in run(TRUTH)]
    assert conclude(records).proves_nothing == [
        "nothing was counted of deep_stack, so whether its styles are traced alike is not known"
    ]


def test_the_parts_of_fit_are_what_they_are() -> None:
    """A step takes 1 ms, 2 ms in subclassing, an epoch 10 ms beside its steps, a call 100 ms beside its epochs."""

    def taken(style: str, epochs: int, steps: int) -> list[int]:
        return [round(1e6 * (100 + epochs * (10 + steps * (2 if style == "subclassing" else 1))))] * 3

    fits: dict[Phase, tuple[int, int]] = {"fit": (1, STEPS), "fit_epochs": (EPOCHS, 1), "fit_call": (1, 1)}
    records = run(TRUTH)
    for record in records:
        record.measured[:] = [
            MeasuredWorkload(
                workload=Workload(architecture="deep_stack", phase=phase),
                nanoseconds={style: taken(style, *size) for style in STYLES},
            )
            for phase, size in fits.items()
        ]
    found = {parts.style: (parts.step, parts.epoch, parts.call) for parts in conclude(records).fits}
    assert found == {style: pytest.approx((0.002 if style == "subclassing" else 0.001, 0.01, 0.1)) for style in STYLES}
    for record in records:
        record.measured.pop()
    assert conclude(records).fits == []


def change(records: list[ProcessRecord], number: int, **fields: object) -> list[ProcessRecord]:
    """Return the records, of which one has other fields."""
    return [record.model_copy(update=fields) if record.number == number else record for record in records]


def not_timed(why_not: str) -> list[MeasuredWorkload]:
    return [MeasuredWorkload(workload=FIT, why_not=why_not)]


def test_styles_that_are_not_equal_prove_nothing_and_are_told_of_once() -> None:
    records = run(TRUTH)
    for number in (3, 4):
        records = change(records, number, measured=not_timed("not equal: subclassing is 1 ULP off"))
    assert conclude(records).proves_nothing == [
        "deep_stack fit batch 32 width 8 was not timed in process 3: not equal: subclassing is 1 ULP off"
    ]


def test_another_reason_for_no_time_is_told_with_the_cost_and_proves_nothing_false() -> None:
    records = [record.model_copy(update={"measured": not_timed("out of memory")}) for record in run(TRUTH)]
    conclusion = conclude(records)
    assert conclusion.proves_nothing == []
    assert [cost.contender for cost in conclusion.costs] == list(CONTENDERS)
    assert {cost.why_not for cost in conclusion.costs} == {"out of memory"}
    assert {cost.seconds for cost in conclusion.costs} == {None}


def test_a_contender_that_does_not_exist_says_so_and_is_not_compared() -> None:
    truth = {name: factor for name, factor in TRUTH.items() if name not in ("sequential", "numpy")}
    costs = {cost.contender: cost for cost in conclude(run(truth)).costs}
    assert costs["sequential"].why_not == "there is no sequential for fit of deep_stack"
    assert costs["sequential"].judgement is None
    assert costs["subclassing"].times_numpy is None
    assert costs["subclassing"].why_not is None


def test_counters_that_differ_between_processes_prove_nothing() -> None:
    def counted(layer_calls: int) -> dict[str, dict[str, Counters]]:
        return {"deep_stack": {"functional": COUNTERS.model_copy(update={"layer_calls": layer_calls})}}

    records = [record.model_copy(update={"counters": counted(8)}) for record in run(TRUTH)]
    assert conclude(records).proves_nothing == []
    # A process that counted nothing does not contradict the others.
    records = change(change(change(records, 0, counters={}), 3, counters=counted(9)), 4, counters=counted(10))
    assert conclude(records).proves_nothing == [
        "counters of functional deep_stack are not the same in all processes: "
        "layer_calls was 8 in process 1 and 9 in process 3"
    ]


def test_styles_that_are_not_traced_alike_prove_nothing() -> None:
    styles = {"sequential": COUNTERS, "functional": COUNTERS.model_copy(update={"retraces": COUNTERS.retraces + 1})}
    records = [record.model_copy(update={"counters": {"deep_stack": styles}}) for record in run(TRUTH)]
    (doubt,) = conclude(records).proves_nothing
    assert doubt.startswith("deep_stack is not traced alike in every style")
    assert doubt.endswith(
        f"sequential {COUNTERS.traces} and {COUNTERS.retraces} times, "
        f"functional {COUNTERS.traces} and {COUNTERS.retraces + 1} times"
    )


def test_several_environments_prove_nothing_but_a_commit_may_differ() -> None:
    def environment(**fields: object) -> Environment:
        return ENVIRONMENT.model_copy(update=fields)

    assert conclude(change(run(TRUTH), 2, environment=environment(commit="abc+"))).proves_nothing == []
    assert conclude(change(run(TRUTH), 2, environment=environment(commit="abc+", threads=4))).proves_nothing == [
        "the processes ran in several environments: threads was None in process 0 and 4 in process 2"
    ]


def test_nothing_follows_from_no_processes() -> None:
    with pytest.raises(ValueError, match="processes of one engine"):
        conclude([])


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"environment": ENVIRONMENT.model_copy(update={"engine": "torch"})}, id="engine"),
        pytest.param({"environment": ENVIRONMENT.model_copy(update={"device": "gpu"})}, id="device"),
        pytest.param({"workload_version": 1}, id="workload version"),
    ],
)
def test_nothing_follows_from_processes_of_several_kinds(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="processes of one engine"):
        conclude(change(run(TRUTH), 5, **fields))


def test_costs_stand_in_the_order_of_the_plan_whatever_the_order_of_the_processes() -> None:
    records = [
        record.model_copy(update={"measured": [*record.measured, MeasuredWorkload(workload=CALL, why_not="x")]})
        for record in run(TRUTH)
    ]
    # The last process had another order, and comes first.
    records = change(records, 5, measured=records[5].measured[::-1])[::-1]
    conclusion = conclude(records)
    assert [cost.workload for cost in conclusion.costs] == [FIT] * len(CONTENDERS) + [CALL] * len(CONTENDERS)
    assert {name: list(group) for name, group in conclusion.by_architecture.items()} == {
        "deep_stack": [FIT],
        "tree_rnn": [CALL],
    }
    assert [cost.contender for cost in conclusion.by_architecture["tree_rnn"][CALL]] == list(CONTENDERS)


def test_processes_that_measured_only_a_part_count_for_that_part() -> None:
    call = [MeasuredWorkload(workload=CALL, nanoseconds={name: [1000, 1000] for name in CONTENDERS})]
    records = change(change(run(TRUTH), 0, measured=call), 1, measured=not_timed("out of memory"))
    conclusion = conclude(records)
    judged = {(cost.workload, cost.contender): cost.judgement for cost in conclusion.costs}
    fit, call_once = judged[FIT, "subclassing"], judged[CALL, "subclassing"]
    assert conclusion.processes == 5
    assert fit is not None
    assert (fit.processes, fit.verdict) == (4, "slower")
    assert call_once is not None
    assert (call_once.processes, call_once.verdict) == (1, "undecided")
    # What some processes could not time was timed all the same.
    assert {cost.why_not for cost in conclusion.costs} == {None}
