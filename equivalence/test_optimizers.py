"""Optimizers: those with a reference of their own, over generated problems, and how fine a fault the bound notices."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given

from equivalence.agreement import Sensitivity, assert_styles_agree, examples
from keras_styles.problems import LinearProblem
from keras_styles.strategies import FAMILIES, Case, family_cases
from keras_styles.training import Trainer

PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=24, noise=0.5)


@pytest.mark.parametrize("family", FAMILIES)
def test_generated_problems_agree_with_the_reference(
    trainer: Trainer, family: str, record_property: Callable[[str, object], None]
) -> None:
    """And a learning rate off by one in ten thousand does not, on at least 99 of 100 problems."""
    sensitivity = Sensitivity()

    @examples(in_pull_requests=4)
    @given(family_cases(family))
    @example((PROBLEM, replace(FAMILIES[family], epochs=10, snapshot_every=1, batch_size=7, learning_rate=0.02)))
    def agree(case: Case) -> None:
        sensitivity.try_wrong_learning_rate(assert_styles_agree(trainer, *case)["functional"])

    agree()
    sensitivity.report(record_property)
    assert sensitivity.is_enough, sensitivity
