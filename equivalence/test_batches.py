"""Batches: a trainer that forgets to shuffle would train all styles alike, too."""

from dataclasses import replace

from equivalence.agreement import assert_styles_agree
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Recipe
from keras_styles.training import Trainer

PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=30, noise=0.5)
RECIPE = Recipe(epochs=3, batch_size=8, learning_rate=0.05, snapshot_every=1)


def test_shuffling_is_no_empty_word(trainer: Trainer) -> None:
    ordered = assert_styles_agree(trainer, PROBLEM, RECIPE)
    shuffled = assert_styles_agree(trainer, PROBLEM, replace(RECIPE, shuffle=True))
    other_seed = trainer.train("functional", PROBLEM, replace(RECIPE, shuffle=True, seed=1))
    assert len({r.predictions.tobytes() for r in (ordered["functional"], shuffled["functional"], other_seed)}) == 3
    start = ordered["functional"].initial_weights
    again = trainer.train("functional", PROBLEM, replace(RECIPE, shuffle=True, seed=1), start)
    assert not (again.predictions == shuffled["functional"].predictions).all(), "only the start knew the seed"
