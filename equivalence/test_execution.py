"""How a step is executed: in every mode the styles leave the same bits, and the modes lie within the bound."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given

from equivalence.agreement import assert_modes_agree, assert_styles_agree, examples
from equivalence.covering_recipes import RECIPES
from keras_styles import runtime
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Mode, Recipe
from keras_styles.strategies import Case, cases, well_posed_problems
from keras_styles.training import STEPS_WORTH_A_LOOP, Trainer

LINE = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=30, noise=0.1)
FAR_FROM_ZERO = LinearProblem(weights=(1.0, -2.0), bias=5.0, samples=50, noise=1.0, offset=100.0)
RAGGED = Recipe(epochs=4, snapshot_every=1, batch_size=20, learning_rate=0.05)

# What each engine runs in one call of a compiled step; Keras allows one only on torch.
STEPS = [1] if runtime.ENGINE == "torch" else [2, 5]


@pytest.mark.parametrize("mode", runtime.modes())
@pytest.mark.parametrize("architecture", RECIPES)
def test_styles_agree_in_every_mode(trainer_of: Callable[[str], Trainer], architecture: str, mode: Mode) -> None:
    # XLA compiles each size of a batch anew, so here they are of one size.
    recipe = replace(RAGGED, epochs=2, batch_size=15, optimizer="adam", mode=mode)
    records = assert_styles_agree(trainer_of(architecture), LINE, recipe)
    assert {record.mode for record in records.values()} == {mode}


@pytest.mark.skipif(
    len(runtime.modes()) < 2, reason=f"{runtime.ENGINE} has {runtime.modes()[0]} mode only, so no two to compare"
)
@examples(in_pull_requests=4, share_of_others=0.2)
@given(cases(well_posed_problems()))
@example((LINE, RAGGED))
@example((FAR_FROM_ZERO, replace(RAGGED, learning_rate=2e-5)))
def test_modes_are_within_the_bound_of_each_other(trainer: Trainer, case: Case) -> None:
    problem, recipe = case
    # An eager step takes a millisecond, so few of them have to do.
    recipe = replace(recipe, epochs=2, snapshot_every=1)
    records = {
        f"functional in {mode} mode": trainer.train("functional", problem, replace(recipe, mode=mode))
        for mode in runtime.modes()
    }
    assert [record.mode for record in records.values()] == list(runtime.modes())
    assert_modes_agree(records, trainer)


def test_styles_agree_with_several_steps_per_execution(trainer_of: Callable[[str], Trainer]) -> None:
    recipe = replace(RAGGED, batch_size=7, steps_per_execution=STEPS[0])
    assert_styles_agree(trainer_of("regularized_network"), LINE, recipe)


@pytest.mark.skipif(STEPS == [1], reason="Keras allows one step per execution only on torch, so no two to compare")
def test_several_steps_per_execution_change_no_bit(trainer: Trainer) -> None:
    # In fewer epochs of five batches the trainer would never take more than one step at once by itself.
    recipe = replace(RAGGED, epochs=STEPS_WORTH_A_LOOP // 5, batch_size=7)
    records = {}
    for steps in (*STEPS, None):
        record = trainer.train("functional", LINE, replace(recipe, steps_per_execution=steps))
        name = f"{steps} steps per execution" if steps else "the trainer's own choice"
        # Of its own accord it takes all steps of an epoch at once, which are as many as the engine is asked for last.
        ran = record.ran_as["steps_per_execution"]
        assert ran == (steps or STEPS[-1]), f"{name} came to {ran}"
        # It is what is meant to be different, and no other way to run is.
        records[name] = replace(record, ran_as={**record.ran_as, "steps_per_execution": 0})
    assert_modes_agree(records, trainer)
