"""Generated recipes: how people train, drawn in all combinations that go together, in every architecture."""

from collections.abc import Callable

import pytest
from hypothesis import example, given

from equivalence.agreement import assert_styles_agree, examples
from equivalence.covering_recipes import RECIPES
from keras_styles import runtime
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Recipe
from keras_styles.strategies import Case, cases_of_every_kind
from keras_styles.training import Trainer

PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=24, noise=0.5)


@pytest.mark.parametrize("architecture", RECIPES)
# Nearly every example is another compilation, which takes TensorFlow a second for three styles.
@examples(in_pull_requests=1, share_of_others=0.05)
@given(case=cases_of_every_kind(runtime.modes()))
@example(
    case=(
        PROBLEM,
        Recipe(optimizer="nadam", epochs=2, batch_size=7, shuffle=True, weighted=True, schedule="cosine", mode="eager"),
    )
)
def test_styles_agree(trainer_of: Callable[[str], Trainer], architecture: str, case: Case) -> None:
    assert_styles_agree(trainer_of(architecture), *case)
