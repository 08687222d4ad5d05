"""Script: a failing case as one Python file that imports only Keras and NumPy, trains both sides and says if they part.

What the trainer does through `training.py` and `sources.py` is written out here, for a reader who has neither;
`tests/test_reproduction.py` holds the two together: the script's training must leave the bits of the trainer's.
"""

import ast
import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np

from keras_styles.builder_source import NoSourceError, builder_source
from keras_styles.comparison import Comparison, Verdict, expected
from keras_styles.recipes import OPTIMIZERS, Recipe, scaled_schedule
from keras_styles.reference import BIAS, KERNEL, Bounded
from keras_styles.training_record import Record

if TYPE_CHECKING:
    from keras_styles.architectures import Architecture

# Numbers of a dataset past which a script that holds them as text is of no use to anybody.
MOST_NUMBERS = 200_000

# Moments of a script, and what is compared there by name.
Looks = dict[tuple[str, str], dict[str, Bounded]]

_CALLBACKS = {
    "early_stopping": (
        'keras.callbacks.EarlyStopping(monitor="loss", min_delta=0.5, patience=2, restore_best_weights=True)'
    ),
    "reduce_learning_rate": (
        'keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, min_delta=0.5, patience=1, cooldown=1)'
    ),
    "lambda": "HalveTheRate()",
}


@dataclass(frozen=True)
class _Arrays:
    """The arrays at the top of the script, each under one name."""

    texts: dict[str, str]

    def name(self, wanted: str, value: np.ndarray[Any, Any]) -> str:
        """Return the name of an array in the script, which is the name of an equal one that is there already."""
        text = literal(value)
        for name, other in self.texts.items():
            if other == text and name.partition("_")[0] == wanted:
                return name
        name = wanted if wanted not in self.texts else f"{wanted}_2"
        self.texts[name] = text
        return name


def render_script(
    found: Comparison,
    first: Comparison | None,
    promised: Mapping[str, Record],
    done: Mapping[str, Record],
    architecture: "Architecture",
    steps: int = 1,
) -> str:
    """Return the text of a script that shows a failure.

    Args:
        found: the failure.
        first: where it begins, with a look after every step.
        promised: with a look after every step, of the sides that are styles, and the recipe that each is held to.
        done: the same with the recipe that each was trained with.
        architecture: that built their models.
        steps: that Keras takes between two looks of the script.

    Raises:
        NoSourceError: if there can be no such script, with half a sentence that says why.
    """
    sides = {name: done[name] for name in (found.left, found.right) if name in done}
    here = done[found.left].environment
    if len({(r.environment.engine, r.environment.device) for r in sides.values()}) > 1:
        raise NoSourceError("its two sides ran on different engines or devices, and a script has one of each")
    if found.verdict is Verdict.DIVERGED and (first is None or first.stage == "training"):
        raise NoSourceError("its training came apart with numbers that are finite, so there is nothing to compare")
    arrays = _Arrays({})
    functions = ["left", "right"]
    rendered = [
        _side(record, architecture, arrays, function, steps)
        for record, function in zip(sides.values(), functions, strict=False)
    ]
    allowed = reference = None
    if found.tier:
        looks = _expected_looks(first or found, promised)
        allowed = {look: {name: literal(v.bound) for name, v in named.items()} for look, named in looks.items()}
        if found.tier == 1:
            reference = {look: {name: literal(v.value) for name, v in named.items()} for look, named in looks.items()}
    text = _template().render(
        headline=_headline(found),
        needs=f"keras ({here.keras} was used) with {here.engine} ({here.engine_version}), and numpy ({here.numpy})",
        notes=_notes(sides),
        variables=_variables(sides),
        engine=here.engine,
        source=builder_source(
            dict.fromkeys([*(architecture.builders[record.style] for record in sides.values()), *architecture.readers])
        ),
        structured=bool(architecture.readers),
        arrays=arrays.texts,
        sides=rendered,
        halves_the_rate=any("lambda" in record.recipe.callbacks for record in sides.values()),
        has_batches=any(record.recipe.source == "pydataset" for record in sides.values()),
        has_generator=any(record.recipe.source == "generator" for record in sides.values()),
        allowed=allowed,
        reference=reference,
        reference_names=[KERNEL, BIAS],
        left=found.left,
        right=found.right,
        dtype=done[found.left].recipe.variable_dtype,
        device="gpu:0" if here.device == "gpu" else here.device,
    )
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise NoSourceError(f"what was written would be no Python ({error})") from error
    return text


def literal(value: Any) -> str:
    """Return Python that rebuilds the same bits, given `np`."""
    array = np.asarray(value)
    if array.size > MOST_NUMBERS:
        raise NoSourceError(f"{array.size} numbers are too many for a script")
    text = np.array2string(array, separator=", ", threshold=sys.maxsize, floatmode="unique", max_line_width=100)
    if not np.isfinite(array).all():
        text = text.replace("inf", "np.inf").replace("nan", "np.nan")
    # The shortest digits that tell two float32 apart are read as float64 first, which could round twice.
    elif np.array(ast.literal_eval(text), dtype=array.dtype).tobytes() != array.tobytes():
        text = repr(array.tolist())
    return f'np.array({text}, dtype="{array.dtype}")'


def _template() -> jinja2.Template:
    # Not HTML: what stands in the script as text does so as Python's repr of it.
    environment = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["text"] = _text
    environment.filters["combined"] = lambda first, second: {**first, **second}
    return environment.from_string(
        resources.files("keras_styles").joinpath("reproduce.py.j2").read_text(encoding="utf-8")
    )


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _headline(found: Comparison) -> str:
    """Return one line, whatever names there are."""
    verdict = "diverged" if found.verdict is Verdict.DIVERGED else "do not agree"
    line = f"{found.left} and {found.right} {verdict}: {found.architecture}, {found.stage} {found.where}"
    return " ".join(line.split())


def _variables(sides: Mapping[str, Record]) -> dict[str, str]:
    """Return the environment variables that stand for what the suite's runtime sets."""
    here = next(iter(sides.values())).environment
    found = {"KERAS_BACKEND": here.engine, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if here.engine == "tensorflow":
        # Under op determinism Keras gives XLA up.
        if here.deterministic and not any(record.environment.jit_compile for record in sides.values()):
            found["TF_DETERMINISTIC_OPS"] = "1"
    elif here.engine == "jax":
        found["JAX_DEFAULT_MATMUL_PRECISION"] = "float32"
        if any(record.recipe.dtype == "float64" for record in sides.values()):
            found["JAX_ENABLE_X64"] = "1"
    if here.device == "gpu":
        found["NVIDIA_TF32_OVERRIDE"] = "0"
        if here.engine == "torch":
            found["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    return found


def _notes(sides: Mapping[str, Record]) -> list[str]:
    """Say in a sentence each what the script does otherwise than the suite."""
    notes = []
    recipes = [record.recipe for record in sides.values()]
    if any(recipe.loop == "custom_loop" for recipe in recipes):
        notes.append("a loop of its own computed the gradients with the engine; here train_on_batch does")
    notes += [
        f"fit was given the data as a {source}, which needs another package; here as arrays"
        for source in dict.fromkeys(recipe.source for recipe in recipes)
        if source in ("dataset", "pandas")
    ]
    if any("checkpoint" in recipe.callbacks for recipe in recipes):
        notes.append("a callback saved the weights after each epoch, which changes no training; it is left out")
    if any(recipe.callbacks for recipe in recipes):
        notes.append("the calls that callbacks received were compared; here only what is trained")
    here = next(iter(sides.values())).environment
    if here.engine == "torch" and here.device == "gpu" and here.deterministic:
        notes.append("torch was told to be deterministic; here it is only as far as an environment variable goes")
    return notes


def _expected_looks(first: Comparison, records: Mapping[str, Record]) -> Looks:
    """Return what is within a bound: at the first divergence if that lies there, else at the end."""
    record = records[first.left]
    if {KERNEL, BIAS} != set(record.initial_weights):
        return {}
    reference = expected(first, records)
    assert reference is not None
    snapshot = next((s for s in reference.snapshots if (s.epoch, s.batch) == first.moment), reference.snapshots[-1])
    looks: Looks = {("weights", f"after epoch {snapshot.epoch}, batch {snapshot.batch}"): snapshot.weights}
    if first.stage != "weights":
        looks["predictions", ""] = {"y": reference.predictions}
        looks["evaluation", ""] = {"loss": reference.evaluation}
    return looks


def _side(record: Record, architecture: "Architecture", arrays: _Arrays, function: str, steps: int) -> dict[str, Any]:
    recipe = record.recipe
    builder = architecture.builders[record.style]

    def read(reader: Callable[[Any], Any], name: str) -> str:
        return f"{reader.__name__}({name})" if reader in architecture.readers else name

    x, y = record.problem.arrays(recipe.variable_dtype)
    if record.weights_were_given:
        start = {name: literal(value) for name, value in record.initial_weights.items()}
    else:
        start = {}
    side = {
        "function": function,
        "title": record.style,
        "x": read(architecture.inputs, arrays.name("X", x)),
        "y": read(architecture.targets, arrays.name("Y", y)),
        "weights": arrays.name("WEIGHTS", recipe.sample_weights(len(x))) if recipe.weighted else "",
        "rows": "",
        "builder": builder.__name__,
        "features": record.problem.features,
        "start": start,
        "seed": recipe.seed,
        "floatx": recipe.variable_dtype,
        "policy": recipe.dtype,
        "optimizer": _optimizer(recipe),
        "loss": architecture.losses_of(recipe),
        "loss_weights": dict(architecture.loss_weights) if architecture.loss_weights else None,
        "metrics": list(recipe.metrics) or None,
        "steps_per_execution": steps,
        "jit_compile": record.ran_as["jit_compile"],
        "run_eagerly": record.ran_as["run_eagerly"],
        "loop": "train_on_batch" if recipe.loop == "custom_loop" else recipe.loop,
        "epochs": recipe.epochs,
        "resumed": {"initial_epoch": recipe.epochs // 2} if recipe.loop == "save_and_resume" else {},
        "fit": {},
    }
    if recipe.loop in ("train_on_batch", "custom_loop") or recipe.source in ("pydataset", "generator"):
        side["rows"] = f"[{', '.join(f'slice({rows.start}, {rows.stop})' for rows in recipe.batches(len(x)))}]"
    if side["loop"] != "train_on_batch":
        side["fit"] = _fit(recipe, len(x), structured=bool(architecture.readers))
    return side


def _fit(recipe: Recipe, samples: int, *, structured: bool) -> dict[str, str]:
    """Return the arguments of `fit` as Python; `x`, `y`, `weights` and `rows` are there, `take` if needed."""

    def some(name: str, rows: str) -> str:
        return f"take({name}, {rows})" if structured else f"{name}[{rows}]"

    parts = [some("x", "step"), some("y", "step"), *(["weights[step]"] if recipe.weighted else [])]
    batch = f"({', '.join(parts)})"
    arguments: dict[str, str] = {}
    if recipe.source == "pydataset":
        arguments["x"] = f"Batches([{batch} for step in rows])"
    elif recipe.source == "generator":
        arguments["x"] = f"forever([{batch} for step in rows])"
        arguments["steps_per_epoch"] = "len(rows)"
    else:
        arguments |= {"x": "x", "y": "y"}
        if recipe.weighted:
            arguments["sample_weight"] = "weights"
        arguments["batch_size"] = repr(recipe.batch_size or samples)
    arguments |= {"epochs": repr(recipe.epochs), "initial_epoch": repr(recipe.initial_epoch)}
    if recipe.steps_per_epoch is not None:
        arguments["steps_per_epoch"] = repr(recipe.steps_per_epoch)
    looked_at = recipe.validation_rows(samples)
    if recipe.validation:
        arguments["validation_batch_size"] = repr(looked_at.stop - looked_at.start)
    if recipe.validation == "split":
        arguments["validation_split"] = repr(1 - looked_at.start / samples)
    elif recipe.validation == "data":
        rows = f"slice({looked_at.stop})" if structured else f": {looked_at.stop}"
        arguments["validation_data"] = f"({some('x', rows)}, {some('y', rows)})"
    callbacks = [_CALLBACKS[name] for name in recipe.callbacks if name in _CALLBACKS]
    return arguments | {
        "shuffle": repr(recipe.shuffle),
        "verbose": "0",
        "callbacks": f"[{', '.join([*callbacks, 'looks'])}]",
    }


def _optimizer(recipe: Recipe) -> str:
    """Return the optimizer as Python, as `training.make_optimizer` makes it."""
    rate = repr(recipe.learning_rate)
    if recipe.schedule is not None:
        name, arguments = scaled_schedule(recipe.schedule, recipe.learning_rate)
        rate = f"keras.optimizers.schedules.{name}({_keywords(arguments)})"
    options = "".join(f", {name}={_number(value)}" for name, value in dict(recipe.options).items())
    if recipe.optimizer == "loss_scale":
        return f"keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(learning_rate={rate}){options})"
    if recipe.optimizer == "multi":
        choice = (
            f'lambda variable: keras.optimizers.Adam(learning_rate={rate}) if "kernel" in variable.path '
            f"else keras.optimizers.SGD(learning_rate={rate})"
        )
        return f"keras.optimizers.MultiOptimizer({choice}{options})"
    return f"keras.optimizers.{OPTIMIZERS[recipe.optimizer]}(learning_rate={rate}{options})"


def _keywords(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_number(value)}" for name, value in arguments.items())


def _number(value: Any) -> str:
    """Return Python for an option; infinity has no literal."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)
