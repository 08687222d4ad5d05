"""Fault injection: what a seeded fault is made of, and how it gets into a training that is otherwise the real one."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache, partial
from inspect import signature
from typing import Any
from unittest import mock

from keras_styles import architectures, runtime, training
from keras_styles.architectures import Architecture
from keras_styles.engines import ENGINES
from keras_styles.problems import Array, LinearProblem, Problem
from keras_styles.recipes import Recipe
from keras_styles.styles import STYLES
from keras_styles.training import Trainer
from keras_styles.training_record import Record, Weights

Records = dict[str, Record]
Case = tuple[str, Problem, Recipe]

LINE = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=24, noise=0.1)
# Step by step in Python: a fault is one in every mode, and a compiled model would have to be traced for each.
FULL_BATCH = Recipe(epochs=3, snapshot_every=1, learning_rate=0.05, mode="eager")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing done otherwise in some of the styles: a fault, or something harmless.

    What is trained otherwise claims to have been trained as the others: its record carries `problem` and `base`.

    Attributes:
        name: what a report calls it.
        what: what is done otherwise, in a sentence.
        stage: one of `comparison.STAGES`, where the earliest failure must be; None for what is harmless.
        refusal: for what is refused before anything is compared, text of the refusal; it has no stage.
        says: text that the explanation must contain, such as the variable.
        styles: where it is done otherwise. With all of them, only the reference can tell.
        architecture: what is trained.
        problem: the data.
        base: how the others are trained.
        engines: where it can be done at all.

        recipe: fields of the recipe that are otherwise.
        layers: keyword arguments of a layer that are otherwise, by the layer's name.
        builder: another function of the number of features that returns the model.
        model: a function that changes a model once it is built.
        compiled: arguments of `compile` that are otherwise.
        optimizer: a function of the recipe that returns another optimizer.
        start: a function of the weights at which the others start.
        data: a function of the arrays that are trained on; predictions and evaluation see the claimed ones.
        patches: other objects by dotted name, in place while training.
        trained_before: whether the kept model has trained before, without the change.
        record: a function of what the training really left behind.
        records: a function of all styles' records.
    """

    name: str
    what: str
    stage: str | None = None
    refusal: str = ""
    says: str = ""
    styles: tuple[str, ...] = ("sequential",)
    architecture: str = "linear_regression"
    problem: Problem = LINE
    base: Recipe = FULL_BATCH
    engines: tuple[str, ...] = ENGINES

    recipe: Mapping[str, Any] = field(default_factory=dict)
    layers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    builder: Callable[[int], Any] | None = None
    model: Callable[[Any], Any] | None = None
    compiled: Mapping[str, Any] = field(default_factory=dict)
    optimizer: Callable[[Recipe], Any] | None = None
    start: Callable[[Weights], Weights] | None = None
    data: Callable[[Array, Array], tuple[Array, Array]] | None = None
    patches: Mapping[str, Any] = field(default_factory=dict)
    trained_before: bool = False
    record: Callable[[Record], Record] | None = None
    records: Callable[[Records], Records] | None = None

    @property
    def case(self) -> Case:
        """What is trained without the change."""
        return self.architecture, self.problem, self.base

    @property
    def changes_what_is_compiled(self) -> bool:
        """Whether models kept from other trainings cannot serve, and later ones must not see the model of this one."""
        inside = (self.layers, self.builder, self.model, self.compiled, self.optimizer, self.patches)
        return any(inside) or self.trained_before

    @property
    def changes_training(self) -> bool:
        """Whether a training has to be done otherwise, not only a record of it be told otherwise."""
        return bool(self.changes_what_is_compiled or self.recipe or self.start or self.data)


class Injector:
    """Trains what a change asks for; the trainings without a change serve every change that has the same base."""

    def __init__(self, trainer_of: Callable[[str], Trainer]) -> None:
        self._trainer_of = trainer_of
        self.without = cache(self._without)

    def train(self, change: Change) -> Records:
        """Return the records of all styles, those in which something is otherwise included."""
        sound = self.without(change.case)
        trained = {
            style: self._train(change, style, sound[style]) if style in change.styles else sound[style]
            for style in STYLES
        }
        return change.records(trained) if change.records else trained

    def _without(self, case: Case) -> Records:
        architecture, problem, recipe = case
        return self._trainer_of(architecture).train_styles(problem, recipe)

    def _train(self, change: Change, style: str, sound: Record) -> Record:
        if not change.changes_training:
            return change.record(sound) if change.record else sound
        trainer = self._trainer_of(change.architecture)
        if change.changes_what_is_compiled:
            trainer = Trainer(self._changed_architecture(change), trainer.device)
        if change.trained_before:
            trainer.train(style, change.problem, change.base)
        recipe = replace(change.base, **change.recipe)
        start = change.start(sound.initial_weights) if change.start else None
        with ExitStack() as stack:
            for name, otherwise in _patches(change).items():
                stack.enter_context(mock.patch(name, otherwise))
            record = trainer.train(style, change.problem, recipe, start)
        claimed = replace(record, recipe=change.base)
        return change.record(claimed) if change.record else claimed

    def _changed_architecture(self, change: Change) -> Architecture:
        real = architectures.load(change.architecture)

        def build(style: str, features: int) -> Any:
            model = change.builder(features) if change.builder else real.builders[style](features)
            model = change.model(model) if change.model else model
            if change.compiled:
                # Set on the instance, so that class and recipe stay what they were.
                compile_as_told = model.compile
                model.compile = lambda **arguments: compile_as_told(**arguments | dict(change.compiled))
            return model

        return Architecture(real.name, {style: partial(build, style) for style in STYLES})


def _patches(change: Change) -> dict[str, Any]:
    patches = dict(change.patches)
    if change.optimizer:
        patches["keras_styles.training.make_optimizer"] = change.optimizer
    if change.data:
        patches["keras_styles.training._Session"] = _session_with(change.data)
    if change.layers:
        layers = runtime.keras.layers
        for kind in (layers.Dense, layers.BatchNormalization, layers.Dropout):
            patches[f"keras.layers.{kind.__name__}"] = _made_with(kind, change.layers)
    return patches


def _made_with(kind: Any, changes: Mapping[str, Mapping[str, Any]]) -> Callable[..., Any]:
    """Return a layer's class as the architectures call it, but with other arguments for the layers named."""
    names = list(signature(kind.__init__).parameters)[1:]

    def make(*positional: Any, **keywords: Any) -> Any:
        arguments = dict(zip(names, positional, strict=False)) | keywords
        return kind(**arguments | dict(changes.get(arguments["name"], {})))

    return make


def _session_with(data: Callable[[Array, Array], tuple[Array, Array]]) -> Callable[..., Any]:
    """Return the trainer's session as the trainer makes it, but on other data."""
    session = training._Session

    def make(model: Any, problem: Problem, recipe: Recipe, *, every_step: bool) -> Any:
        return session(model, _ChangedData(problem, data), recipe, every_step=every_step)

    return make


@dataclass(frozen=True)
class _ChangedData:
    """A problem whose arrays went through something."""

    problem: Problem
    change: Callable[[Array, Array], tuple[Array, Array]]

    @property
    def features(self) -> int:
        """Number of columns of x."""
        return self.problem.features

    def arrays(self, dtype: str = "float32") -> tuple[Array, Array]:
        """Return what the change makes of x and y."""
        return self.change(*self.problem.arrays(dtype))
