"""Where training starts: the same seed leads to the same bits in every style, and copied weights arrive by name."""

from dataclasses import replace

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from equivalence.agreement import assert_records_agree, assert_styles_agree, examples
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Recipe
from keras_styles.reference import BIAS, KERNEL
from keras_styles.strategies import WIDTHS, coefficients
from keras_styles.training import Trainer

FEW_EPOCHS = Recipe(epochs=3, snapshot_every=1, learning_rate=0.01)


def kernels() -> st.SearchStrategy[list[float]]:
    return st.sampled_from(WIDTHS).flatmap(lambda n: st.lists(coefficients(), min_size=n, max_size=n))


@examples(in_pull_requests=10)
@given(seed=st.integers(0, 2**32 - 1), features=st.sampled_from(WIDTHS))
@example(seed=0, features=1)
@example(seed=2**32 - 1, features=8)
def test_same_seed_leads_to_same_initial_weights_and_training(trainer: Trainer, seed: int, features: int) -> None:
    problem = LinearProblem(weights=(1.0,) * features, bias=1.0)
    assert_styles_agree(trainer, problem, replace(FEW_EPOCHS, seed=seed))


def test_another_seed_leads_to_other_weights(trainer: Trainer, contract_seed: int) -> None:
    """Without this, a build that ignores the seed would pass the test above."""
    problem = LinearProblem(weights=(1.0,))
    kernels = {
        assert_styles_agree(trainer, problem, Recipe(epochs=1, seed=seed))["functional"].initial_weights[KERNEL].item()
        for seed in range(contract_seed, contract_seed + 10)
    }
    assert len(kernels) == 10


@examples(in_pull_requests=10)
@given(kernel=kernels(), bias=coefficients())
@example(kernel=[0.0], bias=0.0)
@example(kernel=[1.0, -2.0], bias=-0.5)
def test_copied_weights_lead_to_same_training(
    trainer: Trainer, contract_seed: int, kernel: list[float], bias: float
) -> None:
    start = {
        KERNEL: np.array(kernel, dtype="float32")[:, None],
        BIAS: np.array([bias], dtype="float32"),
    }
    problem = LinearProblem(weights=(1.0,) * len(kernel), bias=100.0)
    records = trainer.train_styles(problem, replace(FEW_EPOCHS, seed=contract_seed), start)
    for record in records.values():
        assert np.array_equal(record.initial_weights[KERNEL], start[KERNEL])
        assert np.array_equal(record.initial_weights[BIAS], start[BIAS])
    assert_records_agree(records, trainer)
