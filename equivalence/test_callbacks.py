"""Callbacks: they fire at the same moments and are told the same in every style."""

from typing import get_args

import numpy as np

from equivalence.agreement import assert_styles_agree
from keras_styles.problems import LinearProblem
from keras_styles.recipes import CallbackName, Recipe
from keras_styles.reference import BIAS, KERNEL
from keras_styles.training import Trainer
from keras_styles.training_record import Event

PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=24, noise=0.5)
RECIPE = Recipe(epochs=30, learning_rate=0.05, validation="data", callbacks=get_args(CallbackName))


def test_each_callback_fires(trainer: Trainer) -> None:
    """Without this, callbacks that never fire, or are told nothing, would agree."""
    record = assert_styles_agree(trainer, PROBLEM, RECIPE)["functional"]
    told = [Event("training begins", {})]
    for number, snapshot in enumerate(record.snapshots, 1):
        told += [
            Event(f"epoch {number} begins", {}),
            Event("batch 0 ends", {"loss": snapshot.logs["loss"]}),  # the only one, so its loss is the epoch's
            Event("validation ends", {"loss": snapshot.logs["val_loss"]}),
            Event(f"epoch {number} ends", snapshot.logs),
        ]
    told += [Event("training ends", {name: snapshot.logs[name] for name in ("loss", "val_loss")})]
    told += [Event(f"{s.epoch:03d}.weights.h5 holds the weights of its epoch", {"same": 1.0}) for s in record.snapshots]
    assert list(record.events) == told

    rates = [snapshot.logs["learning_rate"] for snapshot in record.snapshots]
    # So early the loss still falls, which gives the callback for a plateau no reason to halve the rate.
    assert rates[2] == np.float32(RECIPE.learning_rate / 2), "no callback halved the learning rate after epoch 2"
    assert min(rates) < 0.5 * RECIPE.learning_rate, "the learning rate was halved by one callback, not by both"

    assert len(record.snapshots) < RECIPE.epochs, "early stopping did not stop"
    x, _ = PROBLEM.arrays()
    off = [np.abs(x @ s.weights[KERNEL] + s.weights[BIAS] - record.predictions).max() for s in record.snapshots]
    best, stopped = int(np.argmin(off)) + 1, len(record.snapshots)
    assert best == stopped - 2, "early stopping waits for two epochs, and takes back the weights from before them"
