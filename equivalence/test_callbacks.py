"""Callbacks: they fire at the same moments and are told the same in every style."""

from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import pytest

from equivalence.agreement import assert_styles_agree
from keras_styles.problems import LinearProblem
from keras_styles.recipes import CallbackName, Recipe
from keras_styles.training import Trainer
from keras_styles.training_record import Record

PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=24, noise=0.5)
RECIPE = Recipe(epochs=8, batch_size=10, learning_rate=0.05, validation="data")


def rates(record: Record) -> list[float]:
    return [snapshot.logs["learning_rate"] for snapshot in record.snapshots]


@pytest.mark.parametrize("callback", get_args(CallbackName))
def test_styles_agree(trainer_of: Callable[[str], Trainer], callback: CallbackName) -> None:
    network = trainer_of("regularized_network")
    records = assert_styles_agree(network, PROBLEM, replace(RECIPE, callbacks=(callback,)))
    for record in records.values():
        assert record.events[0].moment == "training begins"
        assert "validation ends" in [event.moment for event in record.events]


def test_each_callback_fires(trainer: Trainer) -> None:
    """Without this, callbacks that never fire would agree."""
    everything = assert_styles_agree(trainer, PROBLEM, replace(RECIPE, callbacks=get_args(CallbackName), epochs=30))
    record = everything["functional"]
    assert len(record.snapshots) < 30, "early stopping did not stop"
    assert min(rates(record)) < 0.5 * RECIPE.learning_rate, "the learning rate was halved by one callback, not by both"
    files = [event for event in record.events if "holds the weights of its epoch" in event.moment]
    assert len(files) == len(record.snapshots)
    assert all(event.logs == {"same": 1.0} for event in files)
