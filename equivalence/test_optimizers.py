"""Optimizers: every one that Keras ships agrees between styles; the first-order ones with the reference too."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given

from equivalence.agreement import Sensitivity, assert_styles_agree, examples
from keras_styles.problems import LinearProblem
from keras_styles.recipes import OPTIMIZERS, SCHEDULES, Options, Recipe, Schedule
from keras_styles.strategies import FAMILIES, Case, family_cases
from keras_styles.training import Trainer

PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=24, noise=0.5)
RECIPE = Recipe(epochs=4, snapshot_every=1, batch_size=10, learning_rate=0.02)

# Of the options that Keras gives all optimizers, and of single ones, what no family has.
OPTIONS: dict[str, Options] = {
    "sgd with ema overwritten": {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 3},
    "adam with amsgrad": {"amsgrad": True},
    "rmsprop centered": {"centered": True, "momentum": 0.5},
    "adam with everything": {"clipnorm": 0.5, "weight_decay": 0.01, "gradient_accumulation_steps": 2, "use_ema": True},
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_agrees_between_styles(trainer_of: Callable[[str], Trainer], optimizer: str) -> None:
    assert_styles_agree(trainer_of("multilayer_network"), PROBLEM, replace(RECIPE, optimizer=optimizer))


@pytest.mark.parametrize("name", OPTIONS)
def test_options_agree_between_styles(trainer: Trainer, name: str) -> None:
    assert_styles_agree(trainer, PROBLEM, replace(RECIPE, optimizer=name.split()[0], options=OPTIONS[name]))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_agree(trainer: Trainer, schedule: Schedule) -> None:
    """All but the one with restarts with the reference too."""
    assert_styles_agree(trainer, PROBLEM, replace(RECIPE, schedule=schedule))


@pytest.mark.parametrize("family", FAMILIES)
def test_generated_problems_agree_with_the_reference(
    trainer: Trainer, family: str, record_property: Callable[[str, object], None]
) -> None:
    """And a learning rate off by one in ten thousand does not, on at least 99 of 100 problems."""
    sensitivity = Sensitivity()

    @examples(in_pull_requests=10)
    @given(family_cases(family))
    @example((PROBLEM, replace(FAMILIES[family], epochs=20, snapshot_every=1, learning_rate=0.02)))
    def agree(case: Case) -> None:
        sensitivity.try_wrong_learning_rate(assert_styles_agree(trainer, *case)["functional"])

    agree()
    sensitivity.report(record_property)
    assert sensitivity.is_enough, sensitivity
