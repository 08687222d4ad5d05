"""Sources: the same samples train to the same bits in every style, whatever they are handed over in."""

from dataclasses import replace
from typing import get_args

import pytest

from equivalence.agreement import assert_styles_agree
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Recipe, Source
from keras_styles.sources import why_no_source
from keras_styles.training import Trainer

PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=30, noise=0.5)
RECIPE = Recipe(epochs=3, snapshot_every=1, batch_size=8, learning_rate=0.05, weighted=True)


@pytest.mark.parametrize("source", get_args(Source))
def test_styles_agree(trainer: Trainer, source: Source) -> None:
    if reason := why_no_source(source):
        pytest.skip(reason)
    assert_styles_agree(trainer, PROBLEM, replace(RECIPE, source=source))
