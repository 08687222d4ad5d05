"""Architectures: each trains alike in every style that can express it, and the others say why they cannot."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from equivalence.agreement import assert_runs_agree, assert_styles_agree
from equivalence.covering_recipes import RECIPES
from keras_styles import runtime
from keras_styles.architectures import NAMES, load, recursive_network, set_weights
from keras_styles.problems import Array, ExpressionProblem, LinearProblem, Problem
from keras_styles.recipes import Recipe
from keras_styles.training import Trainer

TrainerOf = Callable[[str], Trainer]


def trainer_or_skip(trainer_of: TrainerOf, name: str) -> Trainer:
    if reason := load(name).untrainable.get(runtime.ENGINE):
        pytest.skip(reason)
    return trainer_of(name)


# Those that are trained with recipes of every kind are in the other files.
OTHERS = tuple(name for name in NAMES if name not in RECIPES)

PROBLEM = LinearProblem(weights=(3.0, -1.0, 0.5, 2.0), bias=1.0, samples=22, noise=0.5)
EXPRESSIONS = ExpressionProblem(samples=22, operations=2)
# Ragged batches in another order in each epoch, of an optimizer with a state of its own, and a look at other data.
RECIPE = Recipe(optimizer="adam", epochs=2, batch_size=8, shuffle=True, validation="data")


def case_of(name: str, seed: int) -> tuple[Problem, Recipe]:
    modes = load(name).modes
    problem = EXPRESSIONS if name == "tree_rnn" else PROBLEM
    return problem, replace(RECIPE, mode=modes[0] if modes else None, seed=seed)


@pytest.mark.parametrize("name", OTHERS)
def test_styles_agree(trainer_of: TrainerOf, contract_seed: int, name: str) -> None:
    """Where there is but one style, it agrees with itself, trained anew by a trainer that has kept nothing."""
    case = case_of(name, contract_seed)
    trainer = trainer_or_skip(trainer_of, name)
    if len(trainer.architecture.styles) > 1:
        assert_styles_agree(trainer, *case)
    else:
        (style,) = trainer.architecture.styles
        runs = {"kept": trainer.train(style, *case), "new": Trainer(load(name), trainer.device).train(style, *case)}
        assert_runs_agree(runs, trainer)


@pytest.mark.parametrize("name", OTHERS)
def test_training_resumes_after_loading_as_if_uninterrupted(
    trainer_of: TrainerOf, contract_seed: int, name: str
) -> None:
    """None of these draws anything while it trains, so saving and loading must leave no trace."""
    problem, recipe = case_of(name, contract_seed)
    recipe = replace(recipe, shuffle=False, validation=None, snapshot_every=1)
    trainer = trainer_or_skip(trainer_of, name)
    for style in trainer.architecture.styles:
        runs = {loop: trainer.train(style, problem, replace(recipe, loop=loop)) for loop in ("fit", "save_and_resume")}
        assert_runs_agree(runs, trainer)


@pytest.mark.compares_no_trainings(reason="what cannot be built cannot be trained")
@pytest.mark.parametrize(("name", "style"), [(name, style) for name in NAMES for style in load(name).inexpressible])
def test_style_cannot_express_it(name: str, style: str) -> None:
    finding = load(name).inexpressible[style]
    tried = finding.attempt if finding.moment == "construction" else finding.attempt()
    with pytest.raises(Exception, match=re.escape(finding.says)) as raised:
        tried()
    assert type(raised.value).__name__ == finding.error


def test_custom_train_step_is_taken(trainer_of: TrainerOf, contract_seed: int) -> None:
    """Halving the targets in the step, or in the data, comes to the same bits: halves are exact."""
    recipe = Recipe(epochs=3, batch_size=8, seed=contract_seed, snapshot_every=1)
    halves = replace(
        PROBLEM,
        weights=tuple(weight / 2 for weight in PROBLEM.weights),
        bias=PROBLEM.bias / 2,
        noise=PROBLEM.noise / 2,
    )
    stepped = assert_styles_agree(trainer_of("custom_train_step"), PROBLEM, recipe)
    plain = assert_styles_agree(trainer_of("linear_regression"), halves, recipe)
    for style, record in stepped.items():
        assert np.array_equal(record.predictions, plain[style].predictions)
        assert not np.array_equal(record.predictions[:, 0], PROBLEM.arrays()[1])


def test_depth_of_the_recursive_network_is_that_of_the_data(trainer_of: TrainerOf, contract_seed: int) -> None:
    """A forward pass in float64 by hand, one row at a time, recursion for recursion."""
    trainer = trainer_or_skip(trainer_of, "recursive_network")
    problem = replace(PROBLEM, scale=2.0)
    case = problem, replace(RECIPE, mode="eager", seed=contract_seed)
    record = trainer.train("subclassing", *case)
    assert_runs_agree({"once": record, "twice": trainer.train("subclassing", *case)}, trainer)
    x, depths = recursive_network.with_depths(problem.arrays()[0])
    assert len(set(depths.ravel().tolist())) >= 3
    weights = {name: value.astype("float64") for name, value in record.snapshots[-1].weights.items()}

    def layer(name: str, state: Array) -> Array:
        return np.asarray(state @ weights[f"{name}/kernel"] + weights[f"{name}/bias"])

    for row, depth, predicted in zip(x, depths.ravel(), record.predictions, strict=True):
        state = np.tanh(layer("first_layer", row))
        for _ in range(depth):
            state = np.tanh(layer("deeper", state))
        np.testing.assert_allclose(predicted, layer("output_layer", state), rtol=1e-4, atol=1e-5)


@pytest.mark.compares_no_trainings(reason="it is about what one training comes to on other data")
def test_tree_rnn_learns_what_expressions_come_to(trainer_of: TrainerOf, contract_seed: int) -> None:
    """Of trees that it never saw, also of some that are larger than any that it was trained on."""
    trainer = trainer_of("tree_rnn")
    learned = ExpressionProblem(samples=512, operations=3, data_seed=1)
    recipe = Recipe(
        optimizer="adam", learning_rate=0.03, epochs=12, batch_size=64, snapshot_every=12, seed=contract_seed
    )
    record = trainer.train("subclassing", learned, recipe)
    model = trainer.architecture.build("subclassing", learned.features, contract_seed)
    set_weights(model, record.snapshots[-1].weights)
    for operations, unexplained in ((3, 0.4), (5, 0.7)):
        x, y = ExpressionProblem(samples=256, operations=operations, data_seed=2).arrays()
        predicted = runtime.keras.ops.convert_to_numpy(model(trainer.architecture.inputs(x)))
        assert np.mean((predicted - y) ** 2) < unexplained * np.var(y)
