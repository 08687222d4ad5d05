"""Phases: what is timed of one architecture, in every style, beside its twin and its floors, after they were equal."""

import gc
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from keras_styles import runtime
from keras_styles.architectures import Architecture, array_of, get_weights, usual_mode
from keras_styles.floors import ARITHMETIC, Floor, engine_floor, numpy_floor
from keras_styles.measurement import Action, interleave, interleave_chains
from keras_styles.problems import Array
from keras_styles.recipes import Recipe
from keras_styles.styles import BASELINE_STYLE
from keras_styles.training import compile_model
from keras_styles.workloads import (
    COLD_PHASES,
    EPOCHS,
    FLOOR,
    NOT_EQUAL,
    NUMPY,
    STEPS,
    TWIN,
    UNTRAINABLE,
    MeasuredWorkload,
    Phase,
    Workload,
    table_of,
)

# What meets a shape, or code of Keras', for the first time; the others repeat what one of these has done.
_NEEDS_WARM_UP: Final[tuple[Phase, ...]] = ("fit", "predict", "predict_call", "call")

# What is so short beside the other first phases that many rounds of it cost nothing.
_SHORT: Final[tuple[str, ...]] = ("build", "compile")

# What runs another branch of a `call` than training does.
_PREDICTING: Final[tuple[Phase, ...]] = ("predict", "predict_call", "call")

# Small enough that fifty layers as wide as 256 do not come apart in hundreds of steps.
RECIPE: Final = Recipe(epochs=1, batch_size=32, learning_rate=1e-3)

# Keras and a floor order the same sums in different ways; in fifty layers of float32 the differences add up.
FLOOR_TOLERANCE: Final = 1e-3


def contenders_of(architecture: Architecture, phase: Phase) -> tuple[str, ...]:
    """Return the names of what is timed against each other in one phase of an architecture."""
    twin = (TWIN,) if BASELINE_STYLE in architecture.styles else ()
    has_floor = architecture.name in ARITHMETIC and phase != "compile"  # what is written out needs no compiling
    return architecture.styles + twin + ((FLOOR, NUMPY) if has_floor else ())


class NotEqualError(Exception):
    """The contenders do not compute the same here, so their times must not be compared; the text says where."""


@dataclass(frozen=True)
class Batches:
    """Some batches of data.

    Attributes:
        x: of shape (samples, features), which is what floors read.
        y: of shape (samples, 1), likewise.
        inputs: what Keras' models read, an array or a structure of arrays.
        targets: likewise.
        batch_size: of each batch.
    """

    x: Array
    y: Array
    inputs: Any
    targets: Any
    batch_size: int

    def first(self, samples: int) -> "Batches":
        """Return one batch of the first samples."""
        data = (self.x, self.y, self.inputs, self.targets)
        x, y, inputs, targets = runtime.keras.tree.map_structure(lambda array: array[:samples], data)
        return Batches(x, y, inputs, targets, samples)


class KerasSubject:
    """A model in one style."""

    def __init__(self, architecture: Architecture, style: str, width: int) -> None:
        self._architecture = architecture
        self._style = style
        self._width = width
        self.model: Any = None

    def build(self) -> None:
        """From nothing to a model whose variables all exist, the one moment that is the same in every style."""
        self.model = self._architecture.build(self._style, self._width, RECIPE.seed)

    def compile(self) -> None:
        """Choose optimizer, loss and mode."""
        compile_model(self.model, RECIPE, usual_mode(self._architecture), architecture=self._architecture)

    def fit(self, data: Batches, epochs: int = 1) -> None:
        """Train by `fit` on arrays."""
        self.model.fit(data.inputs, data.targets, batch_size=data.batch_size, epochs=epochs, shuffle=False, verbose=0)

    def predict(self, data: Batches) -> Any:
        """Predict by `predict` on arrays."""
        return self.model.predict(data.inputs, batch_size=data.batch_size, verbose=0)

    def call(self, on_device: Any) -> Any:
        """Call the model eagerly on what is on the device already."""
        return self.model(on_device)

    def save(self, path: Path) -> None:
        """Save the model whole."""
        self.model.save(path)

    def load(self, path: Path) -> Any:
        """Load what was saved, until its variables exist."""
        return runtime.keras.saving.load_model(path)

    def pending(self, loaded: Any = None) -> list[Any]:
        """Return the values of the model's variables, or of one that was loaded; they may still be on their way."""
        model = self.model if loaded is None else loaded
        # Keras keeps those of a training apart, and jax makes each ready by itself, weights sometimes before the loss.
        of_training = model.optimizer.variables + model.metrics_variables if model.compiled else []
        return [variable.value for variable in model.variables + of_training]

    def arrays(self) -> dict[str, Array]:
        """Return copies of the variables by name."""
        return get_weights(self.model)


class FloorSubject:
    """A floor, told of batches as the models are."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor

    def build(self) -> None:
        """Make variables."""
        self.floor.build()

    def fit(self, data: Batches, epochs: int = 1) -> None:
        """Train in a loop."""
        self.floor.fit(data.x, data.y, data.batch_size, epochs)

    def predict(self, data: Batches) -> Array:
        """Predict in a loop."""
        return self.floor.predict(data.x, data.batch_size)

    def call(self, on_device: Any) -> Any:
        """Return the prediction for what is on the device already."""
        return self.floor.call(on_device)

    def save(self, path: Path) -> None:
        """Save the weights."""
        self.floor.save(path)

    def load(self, path: Path) -> Any:
        """Make a network of what was saved."""
        return self.floor.load(path)

    def pending(self, loaded: Any = None) -> Any:
        """Return the weights, or those of what was loaded; they may still be on their way."""
        return (loaded or self.floor).pending()


Subject = KerasSubject | FloorSubject


class Contenders:
    """Everything that is timed against each other for one architecture at one width.

    Raises:
        NotEqualError: from any method, as soon as two of them were seen not to compute the same.
    """

    def __init__(self, architecture: Architecture, width: int, *, controls: bool = True) -> None:
        self._architecture = architecture
        self._width = width
        self.models = {style: KerasSubject(architecture, style, width) for style in architecture.styles}
        if controls and BASELINE_STYLE in self.models:
            self.models[TWIN] = KerasSubject(architecture, BASELINE_STYLE, width)
        # Untimed: an engine compiles what draws initial weights for each new shape, at the expense of who comes first.
        for model in self.models.values():
            model.build()
        self._require_equal("initial weights")
        floors = self._floors() if controls else {}
        self.all: dict[str, Subject] = {**self.models, **floors}

    def _floors(self) -> dict[str, FloorSubject]:
        """Return the floors, where the architecture has any."""
        name, rate = self._architecture.name, RECIPE.learning_rate
        if name not in ARITHMETIC:
            return {}
        start = list(next(iter(self.models.values())).arrays().values())
        return {
            FLOOR: FloorSubject(engine_floor(name, start, rate)),
            NUMPY: FloorSubject(numpy_floor(name, start, rate)),
        }

    def batches(self, batch_size: int) -> Batches:
        """Return STEPS batches, and one sample more."""
        x, y = table_of(self._architecture.name, self._width, STEPS * batch_size + 1)
        return Batches(x, y, self._architecture.inputs(x), self._architecture.targets(y), batch_size)

    def cold(
        self,
        phases: Sequence[Phase],
        batch_size: int,
        *,
        lives: int = 1,
        max_seconds: float = 0.0,
        first: int,
        turn: Callable[[], None] = lambda: None,
    ) -> dict[Phase, dict[str, list[int]]]:
        """Take each contender through the beginning of its life, and return the nanoseconds of `phases`.

        Args:
            phases: what of it was asked for.
            batch_size: of the first steps.
            lives: how often each begins anew; not more often than once for what was not asked for.
            max_seconds: of several lives the shortest phases, build and compile, come more often, until they took so
                long for each contender.
            first: number of the process, see `interleave`.
            turn: as in `interleave`, before each life.
        """
        data = self.batches(batch_size)
        begin, second = data.first(batch_size), data.first(batch_size + 1)

        def chain(subject: Subject) -> dict[str, Action]:
            links: dict[str, Callable[[Any], Any]] = {"build": lambda _: subject.build()}
            if isinstance(subject, KerasSubject):
                links["compile"] = lambda _: subject.compile()
            links["first_step"] = lambda _: subject.fit(begin)
            if "retrace" in phases:
                links["retrace"] = lambda _: subject.fit(second)
            return {name: Action(run, pending=lambda _: subject.pending()) for name, run in links.items()}

        chains = {name: chain(subject) for name, subject in self.all.items()}
        runs = []
        short = [phase for phase in phases if phase in _SHORT]
        if lives > 1 and short:
            births = {name: {link: links[link] for link in _SHORT if link in links} for name, links in chains.items()}
            runs.append(interleave_chains(births, min_rounds=1, max_seconds=max_seconds, first=first, turn=turn))
        needed = lives if len(phases) > len(short) else 1
        runs.append(interleave_chains(chains, min_rounds=needed, max_seconds=0.0, first=first, turn=turn))
        self._require_equal("weights after the first steps")
        self._require_equal_floors()
        return {
            phase: {
                name: [nanoseconds for run in runs for nanoseconds in run[name].get(phase, [])]
                for name, links in chains.items()
                if phase in links
            }
            for phase in phases
        }

    def warm(
        self,
        phase: Phase,
        batch_size: int,
        *,
        min_rounds: int,
        max_seconds: float,
        first: int,
        turn: Callable[[], None] = lambda: None,
    ) -> dict[str, list[int]]:
        """Time one phase of contenders that have begun their lives, and return the nanoseconds of each round."""
        data = self.batches(batch_size)
        begin, one = data.first(batch_size), data.first(1)
        data = replace(data.first(STEPS * batch_size), batch_size=batch_size)
        x, inputs = self._on_device(begin.x), self._on_device(begin.inputs)
        results: dict[str, Any] = {}
        with tempfile.TemporaryDirectory() as folder:

            def action(name: str, subject: Subject) -> Action:
                is_model = isinstance(subject, KerasSubject)
                path = Path(folder) / (f"{name}.keras" if is_model else f"{name}.npz")
                if phase == "load":
                    subject.save(path)
                of_call = inputs if is_model else begin.x if name == NUMPY else x
                runs: Mapping[Phase, Callable[[Any], Any]] = {
                    "fit": lambda _: subject.fit(data),
                    "fit_epochs": lambda _: subject.fit(begin, EPOCHS),
                    "fit_call": lambda _: subject.fit(begin),
                    "predict": lambda _: subject.predict(data),
                    "predict_call": lambda _: subject.predict(one),
                    "call": lambda _: subject.call(of_call),
                    "save": lambda _: subject.save(path),
                    "load": lambda _: subject.load(path),
                }
                # What leaves arrays on their way: training, what it returns, or nothing at all.
                pending: Mapping[Phase, Callable[[Any], Any]] = {
                    **dict.fromkeys(("fit", "fit_epochs", "fit_call"), lambda _: subject.pending()),
                    "load": subject.pending,
                    "call": lambda result: result,
                }
                return Action(
                    runs[phase], pending=pending.get(phase, lambda _: None), keep=partial(results.__setitem__, name)
                )

            timed = interleave(
                {name: action(name, subject) for name, subject in self.all.items()},
                min_rounds=min_rounds,
                max_seconds=max_seconds,
                warm_up=phase in _NEEDS_WARM_UP,
                first=first,
                turn=turn,
            )
        self._require_equal(f"weights after {phase}")
        if phase in _PREDICTING:
            self._require_equal_predictions(phase, results)
        if phase == "load":
            self._require_equal_copies(results)
        return timed

    def _on_device(self, structure: Any) -> Any:
        return runtime.keras.tree.map_structure(runtime.keras.ops.convert_to_tensor, structure)

    def _require_equal(self, stage: str) -> None:
        """Compare all variables of the models to the bit; all of them took the same steps."""
        (first, expected), *others = ((name, model.arrays()) for name, model in self.models.items())
        for other, found in others:
            if sorted(found) != sorted(expected):
                raise NotEqualError(f"{first} and {other} have other variables ({stage})")
            for name, value in expected.items():
                if not np.array_equal(value, found[name]):  # which is False for NaN as well
                    raise NotEqualError(f"{first} and {other} differ in {name} ({stage})")
        classes = {type(model.model) for name, model in self.models.items() if name != TWIN}
        if len(classes) < len(self._architecture.styles):
            raise NotEqualError(f"{len(self._architecture.styles)} styles are {len(classes)} classes")

    def _require_equal_predictions(self, phase: Phase, results: Mapping[str, Any]) -> None:
        """Compare to the bit what the models returned in the last round."""
        tree = runtime.keras.tree
        found = {name: [array_of(each) for each in tree.flatten(results[name])] for name in self.models}
        (first, expected), *others = found.items()
        for other, arrays in others:
            if len(arrays) != len(expected) or not all(map(np.array_equal, arrays, expected)):
                raise NotEqualError(f"{first} and {other} differ in what {phase} returns")

    def _require_equal_copies(self, loaded: Mapping[str, Any]) -> None:
        """Compare to the bit the weights of each model and of what was loaded of it."""
        for name, model in self.models.items():
            saved, found = model.arrays(), get_weights(loaded[name])
            if saved.keys() != found.keys() or not all(
                np.array_equal(saved[weight], found[weight]) for weight in saved
            ):
                raise NotEqualError(f"{name} and what was loaded of it have other weights")

    def _require_equal_floors(self) -> None:
        style, model = next(iter(self.models.items()))
        expected = model.arrays()
        for name, subject in self.all.items():
            if isinstance(subject, FloorSubject):
                for (weight, value), found in zip(expected.items(), subject.floor.arrays(), strict=True):
                    if not np.allclose(value, found, rtol=FLOOR_TOLERANCE, atol=FLOOR_TOLERANCE / 10):
                        raise NotEqualError(f"{name} and {style} differ in {weight} (after the first steps)")


def measure(
    architecture: Architecture,
    width: int,
    workloads: Sequence[Workload],
    *,
    min_rounds: int,
    max_seconds: float,
    lives: int = 1,
    controls: bool = True,
    first: int,
    before: Callable[[], None],
    turn: Callable[[], None] = lambda: None,
) -> Iterator[MeasuredWorkload]:
    """Measure workloads of one architecture and width, one after the other; call `before` ahead of each.

    Before each timed region `turn` is called, which waits where two processes take turns. For `controls` and the other
    arguments see `keras_styles.processes.Request`, for `lives` also `Contenders.cold`.

    What goes wrong concerns the workload alone, out of memory for instance: the others are timed on new models. Only if
    contenders are not equal, nothing more is timed of them.
    """
    if reason := architecture.untrainable.get(runtime.ENGINE):
        yield from (MeasuredWorkload(workload=workload, why_not=UNTRAINABLE + reason) for workload in workloads)
        return
    cold: dict[Phase, dict[str, list[int]]] = {}
    asked = [workload.phase for workload in workloads if workload.phase in COLD_PHASES]

    def begin() -> Contenders:
        contenders = Contenders(architecture, width, controls=controls)
        # Once there are times of the first phases they are not taken again.
        phases = [] if cold else asked
        cold.update(
            contenders.cold(
                phases, workloads[0].batch_size, lives=lives, max_seconds=max_seconds, first=first, turn=turn
            )
        )
        return contenders

    contenders: Contenders | None = None
    unequal: str | None = None
    for workload in workloads:
        timed: dict[str, list[int]] = {}
        why_not = unequal
        try:
            if not why_not and contenders is None:
                before()
                contenders = begin()
            if workload.phase in cold:
                timed = cold[workload.phase]
            elif contenders and not why_not:
                gc.collect()
                before()
                timed = contenders.warm(
                    workload.phase,
                    workload.batch_size,
                    min_rounds=min_rounds,
                    max_seconds=max_seconds,
                    first=first,
                    turn=turn,
                )
        except NotEqualError as error:
            why_not = unequal = f"{NOT_EQUAL}{error}"
        except Exception as error:
            why_not = f"{type(error).__name__}: {error}"
            contenders = None  # some of them have trained further than others
        yield MeasuredWorkload(workload=workload, nanoseconds=timed, why_not=why_not)
