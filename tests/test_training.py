"""Trainer: what it keeps, what it tells apart, and that Keras was told what the recipe says."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equivalence.covering_recipes import CASES
from keras_styles import runtime, training
from keras_styles.architectures import (
    NAMES,
    Architecture,
    ArchitectureError,
    get_weights,
    load,
    named_variables,
    set_weights,
)
from keras_styles.architectures.linear_regression import ARCHITECTURE
from keras_styles.problems import LinearProblem
from keras_styles.recipes import OPTIMIZERS, SCHEDULES, Recipe, RecipeError
from keras_styles.sources import why_no_source
from keras_styles.training import Trainer, compile_model, make_optimizer, steps_per_execution

LINE = LinearProblem(weights=(3.0,), bias=1.0)


def kept_models(trainer: Trainer) -> list[Any]:
    return [kept.model for kept in trainer._kept.values()]


def test_a_style_that_nobody_would_compare_is_refused() -> None:
    builders = {**ARCHITECTURE.builders, "mixed": ARCHITECTURE.builders["functional"]}
    with pytest.raises(ValueError, match=r"one that is not listed in keras_styles/styles\.py would never be compared"):
        Architecture(name="linear_regression", builders=builders)


@pytest.mark.parametrize(("name", "style"), [(name, style) for name in NAMES for style in load(name).styles])
def test_weights_begin_where_a_seed_of_keras_leads(name: str, style: str) -> None:
    """Whatever has been drawn before: a build seeds less than Keras would, but enough."""
    architecture = load(name)
    runtime.keras.utils.set_random_seed(11)
    told = get_weights(architecture.builders[style](3))
    runtime.keras.utils.set_random_seed(12)
    built = get_weights(architecture.build(style, 3, 11))
    assert {name: value.tolist() for name, value in told.items()} == {n: v.tolist() for n, v in built.items()}


def test_an_architecture_without_a_style_says_why() -> None:
    builders = {style: ARCHITECTURE.builders[style] for style in ("functional", "subclassing")}
    with pytest.raises(ValueError, match="needs each of sequential, functional, subclassing once, built or with a"):
        Architecture(name="linear_regression", builders=builders)


def test_an_architecture_that_runs_eagerly_only_is_refused_in_another_mode() -> None:
    if runtime.modes() == ("eager",):
        pytest.skip(f"{runtime.ENGINE} has no other mode")  # that could be refused
    trainer = Trainer(load("recursive_network"))
    with pytest.raises(RecipeError, match="recursive_network runs in no mode but eager; set mode='eager'"):
        trainer.train("subclassing", LINE, Recipe(epochs=1))


def test_an_architecture_that_an_engine_cannot_train_is_refused_there() -> None:
    architecture = replace(ARCHITECTURE, untrainable={runtime.ENGINE: "It cannot be"})
    with pytest.raises(runtime.RuntimeChoiceError, match="It cannot be; choose another KERAS_BACKEND"):
        Trainer(architecture).train("functional", LINE, Recipe(epochs=1))


def test_one_model_serves_other_data_rates_and_seeds() -> None:
    trainer = Trainer(ARCHITECTURE)
    for seed in range(3):
        problem = LinearProblem(weights=(1.0,), samples=10 + seed, data_seed=seed)
        recipe = Recipe(epochs=2, seed=seed, learning_rate=0.1 * seed)
        kept, new = (each.train("functional", problem, recipe) for each in (trainer, Trainer(ARCHITECTURE)))
        assert kept.predictions.tobytes() == new.predictions.tobytes()
    assert len(kept_models(trainer)) == 1


def test_another_width_style_mode_or_dtype_is_another_model() -> None:
    trainer = Trainer(ARCHITECTURE)
    recipes = [Recipe(epochs=2, mode=mode) for mode in runtime.modes()]
    for recipe in recipes:
        trainer.train("functional", LINE, recipe)
    told = [(model.run_eagerly, model.jit_compile) for model in kept_models(trainer)]
    assert told == [(mode == "eager", mode == "xla") for mode in runtime.modes()]
    trainer.train("sequential", LINE, Recipe(epochs=2))
    trainer.train("functional", LinearProblem(weights=(1.0, 2.0)), Recipe(epochs=2))
    trainer.train("functional", LINE, Recipe(epochs=2, dtype="float64"))
    assert len(kept_models(trainer)) == len(runtime.modes()) + 3


@pytest.mark.parametrize(
    "other",
    [
        {"loss": "mae"},
        {"metrics": ("mae",)},
        {"optimizer": "adam"},
        {"options": {"momentum": 0.5}},
        {"schedule": "cosine"},
        {"source": "pandas"},
        {"weighted": True},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_a_model_is_compiled_with_makes_it_another(other: dict[str, Any]) -> None:
    trainer = Trainer(ARCHITECTURE)
    recipe = Recipe(epochs=1)
    for each in (recipe, replace(recipe, **other), recipe):
        trainer.train("functional", LINE, each)
    assert len(kept_models(trainer)) == 2


def test_the_model_used_longest_ago_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "KEPT_MODELS", 2)
    trainer = Trainer(ARCHITECTURE)
    widths = [LinearProblem(weights=(1.0,) * features) for features in (1, 2, 3)]
    for problem in (widths[0], widths[1], widths[0], widths[2]):
        trainer.train("functional", problem, Recipe(epochs=1))
    assert [model.weights[0].shape[0] for model in kept_models(trainer)] == [1, 3]


def test_compiled_steps_stay_inside_the_engine_until_a_snapshot() -> None:
    """It makes the trainer fast; that it changes no bit is shown in equivalence/test_trainer.py."""
    assert steps_per_execution(Recipe(epochs=300), 24, "graph") == 300
    assert steps_per_execution(Recipe(epochs=300, snapshot_every=30, batch_size=10), 24, "xla") == 90
    assert steps_per_execution(Recipe(epochs=300), 24, "eager") == 1
    assert steps_per_execution(Recipe(epochs=4, batch_size=10), 24, "graph") == 1


def test_a_mode_that_keras_does_not_take_is_refused() -> None:
    if runtime.ENGINE != "tensorflow":
        pytest.skip("only TensorFlow's op determinism makes Keras drop XLA")
    runtime.make_deterministic(True)
    try:
        model = ARCHITECTURE.build("functional", 1, 0)
        with (
            pytest.warns(UserWarning, match="Proceeding with `jit_compile=False`"),
            pytest.raises(runtime.RuntimeChoiceError, match="needs jit_compile=True, but Keras made it False"),
        ):
            compile_model(model, Recipe(), "xla")
    finally:
        runtime.make_deterministic(False)


def shipped_by_keras(module: Any, base: Any) -> set[str]:
    found = {name: getattr(module, name) for name in dir(module)}
    return {name for name, cls in found.items() if isinstance(cls, type) and issubclass(cls, base) and cls is not base}


def test_every_optimizer_and_schedule_that_keras_ships_can_be_asked_for() -> None:
    """A new release with a new one fails here: it has to be compared too."""
    optimizers = runtime.keras.optimizers
    assert shipped_by_keras(optimizers, optimizers.Optimizer) == set(OPTIMIZERS.values())
    schedules = optimizers.schedules
    assert shipped_by_keras(schedules, schedules.LearningRateSchedule) == {name for name, _ in SCHEDULES.values()}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_is_the_one_that_the_recipe_names(name: str) -> None:
    options = {"name": "mine"}
    optimizer = make_optimizer(Recipe(optimizer=name, options=options, learning_rate=0.125))
    assert (type(optimizer).__name__, optimizer.name) == (OPTIMIZERS[name], "mine")


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")  # that of MultiOptimizer
@pytest.mark.parametrize(("architecture", "recipe"), CASES)
def test_keras_is_told_all_that_a_recipe_says(architecture: str, recipe: Recipe) -> None:
    """Of what no reference follows, all styles would lose an option, a loss or a metric alike."""
    trained = load(architecture)
    model = trained.build("functional", 2, 0)
    compile_model(model, recipe, runtime.resolve_mode(None), architecture=trained)
    told = model.get_compile_config()
    options, config = dict(recipe.options), told["optimizer"]["config"]
    assert {name: config[name] for name in options} == options
    assert (told["loss"], tuple(told["metrics"] or ())) == (recipe.loss, recipe.metrics)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_begins_at_the_learning_rate_and_leaves_it(name: Any) -> None:
    schedule = make_optimizer(Recipe(schedule=name, learning_rate=0.5))._learning_rate
    rates = [float(schedule(step)) for step in range(9)]
    assert rates[0] == 0.5
    assert min(rates) < 0.3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def (", r"The architecture 'mine' cannot be imported \(SyntaxError: .*\); mend that module\."),
        ("1 / 0", r"The architecture 'mine' cannot be imported \(ZeroDivisionError: division by zero\); mend"),
        ("import no_such_module", r"There is no architecture 'mine'; .* \(No module named 'no_such_module'\)\."),
        ("ARCHITECTURE = 'mine'", r"There is no architecture 'mine'; .* \(its ARCHITECTURE is 'mine'\)\."),
        ("", r"There is no architecture 'mine'; .* \(its ARCHITECTURE is None\)\."),
    ],
)
def test_an_architecture_of_ones_own_that_is_none_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    with pytest.raises(ArchitectureError, match=says):
        load("mine")


def test_what_keras_does_not_take_is_one_sentence() -> None:
    trainer = Trainer(ARCHITECTURE)
    with pytest.raises(RecipeError, match=r"Keras does not compile Recipe\(options=\{'momentun': 0.9\}\) \("):
        trainer.train("functional", LINE, Recipe(options={"momentun": 0.9}))
    with pytest.raises(ArchitectureError, match=r"There is no architecture 'lenet'; choose one of concatenation, "):
        load("lenet")
    model = ARCHITECTURE.build("functional", 1, 0)
    with pytest.raises(
        ArchitectureError, match=r"no variable linear_layer/scale to .*, only linear_layer/kernel, .*; name "
    ):
        set_weights(model, {"linear_layer/scale": np.zeros(1)})
    with pytest.raises(
        ArchitectureError, match=r"of shape \(2, 1\) to copy a weight to, but one of shape \(1, 1\); reshape "
    ):
        set_weights(model, {"linear_layer/kernel": np.zeros((2, 1))})


@pytest.mark.parametrize("name", NAMES)
def test_variables_go_by_the_same_distinct_names_in_every_style(name: str) -> None:
    models = [load(name).build(style, 3, 0) for style in load(name).styles]
    names = [list(named_variables(model)) for model in models]
    # In whatever order: a graph lists its layers by depth, a class by attribute.
    assert all(sorted(others) == sorted(names[0]) for others in names)
    assert len(names[0]) == len(models[0].variables)


def test_two_random_layers_are_told_apart() -> None:
    layers = runtime.keras.layers
    model = runtime.keras.Sequential([runtime.keras.Input((2,)), layers.Dropout(0.5), layers.Dropout(0.5)])
    assert list(get_weights(model)) == ["seed_generator/seed_generator_state", "seed_generator/seed_generator_state #2"]


def test_a_record_at_every_step_ends_where_the_other_does() -> None:
    recipe = Recipe(optimizer="adam", epochs=2, batch_size=12, learning_rate=0.1, snapshot_every=1)
    trainer = Trainer(ARCHITECTURE)
    usual, steps = (trainer.train("functional", LINE, recipe, every_step=every) for every in (False, True))
    assert [(s.epoch, s.batch) for s in steps.snapshots] == [(e, b) for e in (1, 2) for b in range(3)]
    for name, value in usual.snapshots[-1].weights.items():
        assert value.tobytes() == steps.snapshots[-1].weights[name].tobytes()
    assert usual.predictions.tobytes() == steps.predictions.tobytes()
    assert len(usual.losses) == 2
    assert usual.losses == pytest.approx(steps.losses)  # a mean over steps, within a call of several and over calls


def test_a_record_says_how_keras_ran() -> None:
    for mode in runtime.modes():
        record = Trainer(ARCHITECTURE).train("functional", LINE, Recipe(epochs=2, mode=mode))
        assert record.ran_as["run_eagerly"] == (mode == "eager")
        assert record.ran_as["jit_compile"] == (mode == "xla")
        assert record.mode == mode


def test_a_source_that_the_engine_lacks_is_one_sentence() -> None:
    if why_no_source("dataset") is None:
        pytest.skip("this engine has datasets of its own")
    with pytest.raises(runtime.RuntimeChoiceError, match="source='dataset' cannot run here: jax ships no datasets"):
        Trainer(ARCHITECTURE).train("functional", LINE, Recipe(epochs=1, source="dataset"))
