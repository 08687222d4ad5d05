"""Costs: made-up processes of known truth give the right ratios, and a run that cannot be believed says why."""

from datetime import UTC, datetime

import numpy as np
import pytest

from keras_styles.costs import conclude
from keras_styles.environment import Environment
from keras_styles.workloads import MeasuredWorkload, ProcessRecord, Workload

FIT = Workload(architecture="deep_stack", phase="fit")
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
                counters={},
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
    assert (judged.verdict, judged.ratio) == ("slower", pytest.approx(1.2, rel=0.01))
    assert costs["subclassing"].times_floor == pytest.approx(12, rel=0.01)
    assert costs["functional"].judgement is None


def test_a_flagged_twin_and_too_much_drift_prove_nothing() -> None:
    twin, drift = conclude(run(TRUTH | {"twin": 1.1}, 2.5)).proves_nothing
    assert "came out slower in deep_stack fit" in twin
    assert "2.5 times as long in process 5 as in process 0" in drift
