"""Recipes and strategies: batches cover the data, drawn cases are valid by construction, bad recipes are refused."""

from collections.abc import Callable
from dataclasses import fields
from inspect import signature
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import Phase, example, find, given, settings
from hypothesis import strategies as st
from hypothesis.vendor.pretty import pretty

from equivalence.covering_recipes import RECIPES
from keras_styles import runtime
from keras_styles.architectures import NAMES
from keras_styles.problems import LinearProblem
from keras_styles.recipes import (
    OPTIMIZERS,
    SCHEDULES,
    CallbackName,
    Loop,
    Mode,
    Policy,
    Recipe,
    RecipeError,
    Source,
    Validation,
)
from keras_styles.reference import largest_curvature
from keras_styles.strategies import (
    FEWEST_FOR_FOUR,
    LARGEST_STABLE_FRACTION,
    LOSSES,
    METRICS,
    Case,
    cases,
    cases_of_every_kind,
    degenerate_problems,
    linear_problems,
    sizes_of_four_batches,
)

# Whatever is drawn at all is drawn long before, and need not be small.
ONE_DRAW = settings(max_examples=3000, phases=[Phase.generate])


@given(samples=st.integers(1, 300), batch_size=st.none() | st.integers(1, 400))
@example(samples=10, batch_size=3)
@example(samples=10, batch_size=None)
@example(samples=10, batch_size=11)
def test_batches_cover_every_row_once_and_in_order(samples: int, batch_size: int | None) -> None:
    batches = Recipe(batch_size=batch_size).batches(samples)
    rows = [row for batch in batches for row in range(samples)[batch]]
    assert rows == list(range(samples))
    sizes = [batch.stop - batch.start for batch in batches]
    assert len(set(sizes[:-1])) <= 1
    assert sizes[-1] <= sizes[0]


@given(cases(linear_problems()) | cases(degenerate_problems()))
@example((LinearProblem(weights=(1.0,)), Recipe(epochs=1, learning_rate=0.5)))
def test_drawn_cases_are_stable_and_print_as_python(case: Case) -> None:
    problem, recipe = case
    largest = 2 * LARGEST_STABLE_FRACTION * (1 + 1e-9)
    assert recipe.learning_rate * largest_curvature(problem, recipe) <= largest < 2
    assert eval(repr(recipe), {"Recipe": Recipe}) == recipe
    assert np.isfinite(problem.arrays()[0]).all()


@given(st.integers(FEWEST_FOR_FOUR, 100).flatmap(lambda n: st.tuples(st.just(n), sizes_of_four_batches(n))))
@example((FEWEST_FOR_FOUR, 3))
def test_four_batches_are_four(drawn: tuple[int, int]) -> None:
    """Each other number of batches would be compiled anew, for a few trainings."""
    samples, size = drawn
    assert len(Recipe(batch_size=size).batches(samples)) == 4


def test_a_failing_case_shrinks_to_something_readable() -> None:
    """What a newcomer will be shown: the smallest problem with two features and a nonzero bias."""
    problem = find(linear_problems(), lambda p: p.features == 2 and p.bias != 0, settings=settings(max_examples=500))
    assert problem == LinearProblem(weights=(0.0, 0.0), bias=1.0, samples=1)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"epochs": 0}, "epochs of at least 1"),
        ({"batch_size": 0}, "batch_size of at least 1"),
        ({"epochs": 2.5}, "a whole number, not 2.5"),
        ({"seed": -1}, "seed from 0 to 4294967295, not -1"),
        ({"epochs": 10, "snapshot_every": 3}, "3 does not divide 10"),
        ({"learning_rate": float("nan")}, "finite learning_rate"),
        ({"learning_rate": -0.1}, "at least 0"),
        ({"optimizer": "adma"}, "no optimizer 'adma'; choose one of 'sgd', "),
        ({"dtype": "float16"}, "no dtype 'float16'; choose one of 'float32', 'float64'"),
        ({"options": ("momentum", 0.9)}, "options by name"),
        ({"callbacks": ("tensorboard",)}, "no callback 'tensorboard'"),
        ({"initial_epoch": 300}, "an initial_epoch from 0 to its epochs less one, 299, not 300"),
        ({"shuffle": True, "snapshot_every": 10}, "each epoch is looked at; set snapshot_every=1 or None"),
        ({"loop": "train_on_batch", "shuffle": True}, "has no shuffle; leave that to 'fit'"),
        ({"loop": "custom_loop", "mode": "xla"}, "is eager, without weights and metrics"),
        ({"loop": "custom_loop", "weighted": True}, "is eager, without weights and metrics"),
        ({"loop": "custom_loop", "metrics": ("mae",)}, "is eager, without weights and metrics"),
        ({"loop": "save_and_resume", "epochs": 1}, "at least two epochs"),
        ({"loop": "custom_loop", "optimizer": "loss_scale"}, "scales no loss"),
        ({"loop": "save_and_resume", "optimizer": "multi"}, "is a function, and safe_mode loads none"),
        ({"source": "generator", "shuffle": True}, "shuffles and splits arrays only"),
        ({"source": "generator", "validation": "split"}, "shuffles and splits arrays only"),
        ({"schedule": "cosine", "callbacks": ("lambda",)}, "no one learning rate that lambda could set"),
        ({"schedule": "cosine", "callbacks": ("reduce_learning_rate",)}, "that reduce_learning_rate could set"),
        ({"optimizer": "multi", "callbacks": ("lambda",)}, "no one learning rate that lambda could set"),
    ],
)
def test_bad_recipes_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        Recipe(**fields)


def test_a_recipe_prints_what_is_not_as_by_default_and_is_rebuilt_from_it() -> None:
    assert repr(Recipe()) == "Recipe()"
    recipe = Recipe(optimizer="adam", options={"epsilon": 1e-6, "beta_1": 0.8}, epochs=4, callbacks=("lambda",))
    text = "Recipe(optimizer='adam', options={'beta_1': 0.8, 'epsilon': 1e-06}, epochs=4, callbacks=('lambda',))"
    assert repr(recipe) == text
    assert eval(text, {"Recipe": Recipe}) == recipe
    assert pretty(recipe) == text, "Hypothesis prints a dataclass field by field unless it is told otherwise"
    assert hash(eval(text, {"Recipe": Recipe})) == hash(recipe)


def test_a_split_is_trained_on_and_looked_at_once() -> None:
    recipe = Recipe(validation="split", batch_size=7)
    batches, looked_at = recipe.batches(40), recipe.validation_rows(40)
    assert [batch.stop - batch.start for batch in batches] == [7, 7, 7, 7, 2]
    assert (batches[-1].stop, looked_at) == (30, slice(30, 40))
    assert Recipe(validation="data").validation_rows(3) == slice(0, 1)
    assert Recipe().validation_rows(40) == slice(0, 0)


def test_sample_weights_repeat_and_are_of_the_dtype_of_the_weights() -> None:
    weights = Recipe(weighted=True, dtype="mixed_float16").sample_weights(4)
    assert weights.tolist() == [0.5, 1.0, 2.0, 0.5]
    assert weights.dtype == "float32"
    assert Recipe().sample_weights(2).tolist() == [1.0, 1.0]


@settings(max_examples=300)
@given(cases_of_every_kind(get_args(Mode)))
@example((LinearProblem(weights=(1.0, 1.0)), Recipe(epochs=2)))
def test_what_is_drawn_of_every_kind_goes_together(case: Case) -> None:
    """That no recipe is refused, above all."""
    problem, recipe = case
    assert eval(repr(recipe), {"Recipe": Recipe}) == recipe
    assert recipe.epochs_per_snapshot == 1 or recipe == Recipe(epochs=2)
    assert recipe.batches(len(problem.arrays()[0]))


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        (field, kind)
        for field, kinds in {
            "loop": get_args(Loop),
            "optimizer": OPTIMIZERS,
            "source": [name for name in get_args(Source) if name != "dataset"],  # which not every engine has
        }.items()
        for kind in kinds
    ],
)
def test_a_recipe_of_each_kind_is_drawn(field: str, kind: str) -> None:
    """Without this, generated recipes that were all alike would go together, too."""
    drawn = cases_of_every_kind(get_args(Mode)).map(lambda case: getattr(case[1], field))
    assert find(drawn, lambda found: found == kind, settings=ONE_DRAW) == kind


EDGES: dict[str, Callable[[LinearProblem], bool]] = {
    "one sample": lambda problem: problem.samples == 1,
    "constant": lambda problem: problem.scale == 0,
    "collinear": lambda problem: problem.collinear,
    "tiny": lambda problem: 0 < abs(problem.bias) < 1e-28,
    "huge target": lambda problem: abs(problem.bias) > 1e28,
    "tiny features": lambda problem: problem.scale == 1e-30,
}


@pytest.mark.parametrize("edge", EDGES)
def test_a_problem_at_each_edge_is_drawn(edge: str) -> None:
    assert EDGES[edge](find(degenerate_problems(), EDGES[edge], settings=ONE_DRAW))


def test_the_covering_recipes_hold_every_way_to_train() -> None:
    recipes = [recipe for of_one in RECIPES.values() for recipe in of_one.values()]
    assert set(RECIPES) <= set(NAMES)
    assert {recipe.optimizer for recipe in recipes} == set(OPTIMIZERS)
    assert {recipe.loss for recipe in recipes} == set(LOSSES)
    assert {recipe.schedule for recipe in recipes} == {None, *SCHEDULES}
    assert {recipe.loop for recipe in recipes} == set(get_args(Loop))
    assert {recipe.source for recipe in recipes} == set(get_args(Source))
    assert {recipe.dtype for recipe in recipes} == set(get_args(Policy))
    assert {recipe.validation for recipe in recipes} == {None, *get_args(Validation)}
    assert {name for recipe in recipes for name in recipe.callbacks} == set(get_args(CallbackName))
    assert {name for recipe in recipes for name in recipe.metrics} == set(METRICS)
    batches = {recipe.batch_size and 30 % recipe.batch_size for recipe in recipes}  # full, even and ragged
    assert {None, 0, 6} <= batches
    # Held for every architecture, or drawn: equivalence/test_execution.py and test_initial_weights.py.
    elsewhere = {"mode", "steps_per_execution", "seed"}
    varied = {field.name for field in fields(Recipe) if len({getattr(recipe, field.name) for recipe in recipes}) > 1}
    assert varied == {field.name for field in fields(Recipe)} - elsewhere
    # What goes beside every optimizer, and Adam's own.
    options = set(signature(runtime.keras.optimizers.Adam).parameters) - {"learning_rate", "name", "kwargs"}
    numbers = {"beta_1", "beta_2", "epsilon", "ema_momentum"}  # that change no code; others have references
    assert options - numbers <= {name for recipe in recipes for name in dict(recipe.options)}
