"""Failing cases: the folder, the script that shows the failure by itself, the text, and the replay."""

import ast
import importlib.util
import json
import runpy
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_styles import cli, runtime
from keras_styles.architectures import NAMES, load
from keras_styles.architectures import linear_regression as right_way
from keras_styles.architectures.linear_regression import subclassing as subclassing_as_it_should_be
from keras_styles.builder_source import NoSourceError, builder_source
from keras_styles.comparison import compare_all, compare_modes, compare_styles, describe, failures
from keras_styles.problems import LinearProblem, TableProblem, _read_table
from keras_styles.pull_request import pull_request_text
from keras_styles.recipes import Recipe, Source
from keras_styles.reproduction import (
    CASE,
    MESSAGE,
    SCRIPT,
    WEIGHTS,
    Failure,
    Kept,
    explain_and_keep,
    keep,
    read,
    retrace,
)
from keras_styles.runtime import keras
from keras_styles.script import literal, render_script
from keras_styles.sources import why_no_source
from keras_styles.styles import STYLES
from keras_styles.training import Trainer
from keras_styles.training_record import Record
from keras_styles.trajectories import PICTURE, draw, step_table, trajectories_of
from tests.conftest import process_environment

layers = keras.layers

LINE = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=10, noise=0.1)
PLANE = replace(LINE, weights=(3.0, -1.0, 0.5, 2.0))
RECIPE = Recipe(epochs=2, batch_size=4)
ADAM = Recipe(optimizer="adam", learning_rate=0.1, epochs=2, batch_size=4)


class BiasOfOne(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """Linear regression whose bias starts where the other styles' does not."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.linear_layer = layers.Dense(1, bias_initializer="ones", name="linear_layer")

    def call(self, x: Any) -> Any:
        """Return the prediction of shape (samples, 1) for x of shape (samples, features)."""
        return self.linear_layer(x)


def bias_of_one(features: int) -> Any:
    model: Any = BiasOfOne()
    model(keras.ops.zeros((1, features)))
    return model


def one_ulp_off(features: int) -> Any:
    """The right subclass, but for the last bit of one initial weight."""
    model = subclassing_as_it_should_be(features)
    kernel = keras.ops.convert_to_numpy(model.linear_layer.kernel).copy()
    kernel[-1, 0] = np.nextafter(kernel[-1, 0], np.float32(np.inf))
    model.linear_layer.kernel.assign(kernel)
    return model


def wide_network(features: int) -> Any:
    """The multilayer network with another hidden activation."""
    inputs = keras.Input(shape=(features,))
    hidden = layers.Dense(4, activation="sigmoid", name="hidden_layer")(inputs)
    return keras.Model(inputs, layers.Dense(1, name="output_layer")(hidden))


def with_fault(architecture: str, **builders: Any) -> Trainer:
    good = load(architecture)
    return Trainer(replace(good, builders={**good.builders, **builders}))


def failure_of(trainer: Trainer, recipe: Recipe, problem: Any = LINE, start: Any = None) -> Failure:
    records = trainer.train_styles(problem, recipe, start)
    return Failure.by(trainer, compare_all(records), records)


def faulty_training(promised: Recipe, done: Mapping[str, Recipe]) -> Failure:
    """Return the failure of trainings that do not follow the recipe that they are held to."""
    trainer = Trainer(load("linear_regression"))

    def train(style: str, *, every_step: bool) -> Record:
        return trainer.train(style, LINE, done.get(style, promised), every_step=every_step)

    records = {style: replace(train(style, every_step=False), recipe=promised) for style in STYLES}
    return Failure(compare_all(records), records, trainer.architecture, lambda style: train(style, every_step=True))


def kept_in(results: Path) -> Kept:
    (folder,) = (results / "failures").iterdir()
    return read(folder)


def run_fresh(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run a case's script in a process of its own; return exit code and output."""
    del capsys
    done = subprocess.run(
        [sys.executable, SCRIPT],
        cwd=folder,
        env=process_environment(folder),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    return done.returncode, done.stdout or done.stderr


def run_here(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run a case's script in this process, which takes a second instead of ten; return exit code and output."""
    with runtime.precision("float32"), pytest.raises(SystemExit) as exit_info:
        runpy.run_path(str(folder / SCRIPT), run_name="__main__")
    return int(exit_info.value.code or 0), capsys.readouterr().out


def assert_imports_only_keras_and_numpy(script: Path) -> None:
    tree = ast.parse(script.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}
    assert names == {"keras", "numpy", "os", "sys"}


# A failure, and what its script says of it but for the first line; by the names of the tests.
FAILURES = {
    "bias_of_one": lambda: failure_of(with_fault("linear_regression", subclassing=bias_of_one), RECIPE),
    "one_ulp": lambda: failure_of(with_fault("linear_regression", subclassing=one_ulp_off), ADAM),
    "learning_rate_of_one_style": lambda: faulty_training(ADAM, {"subclassing": replace(ADAM, learning_rate=0.10001)}),
    "learning_rate_of_all_styles": lambda: faulty_training(
        RECIPE, dict.fromkeys(STYLES, replace(RECIPE, learning_rate=0.010001))
    ),
    "multilayer_network": lambda: failure_of(with_fault("multilayer_network", functional=wide_network), ADAM),
}
BEGINS = {
    "bias_of_one": "initial weights: linear_layer/bias",
    "one_ulp": "initial weights: linear_layer/kernel",
    "learning_rate_of_one_style": "weights: linear_layer/kernel after epoch 1, batch 0",
    "learning_rate_of_all_styles": "weights: linear_layer/",
    "multilayer_network": "weights: hidden_layer/kernel after epoch 1, batch 0",
}


# Of this one the script runs in a process of its own, which takes ten times as long.
IN_A_FRESH_PROCESS = ("multilayer_network",)


@pytest.mark.usefixtures("as_before")
@pytest.mark.parametrize("name", FAILURES)
def test_a_failing_case_becomes_a_folder_whose_script_shows_the_failure(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = FAILURES[name]()
    text = explain_and_keep(failure, tmp_path)
    kept = kept_in(tmp_path)
    assert kept.message == text + "\n"
    first = kept.case.first
    assert first is not None
    assert f"{first.stage}: {first.where}".startswith(BEGINS[name])
    begins = f"  it begins at  {first.stage}: {first.where} {first.index} ("
    assert (begins in text) == (first != kept.case.found)
    assert text.endswith(f"  repeat it     keras-styles replay {kept.folder}")

    assert_imports_only_keras_and_numpy(kept.folder / SCRIPT)
    code, output = (run_fresh if name in IN_A_FRESH_PROCESS else run_here)(kept.folder, capsys)
    assert code == 1, output
    comparison = retrace(failure).first
    assert comparison is not None
    said, *lines = output.splitlines()
    assert said == f"{kept.case.left} and {kept.case.right} do not agree."
    assert lines[:-1] == list(describe(comparison))[:4]
    assert lines[-1].startswith("  allowed       no difference" if kept.case.tier == 0 else "  allowed       ")


def test_the_text_of_a_failure_is_all_that_one_needs(tmp_path: Path) -> None:
    failure = FAILURES["bias_of_one"]()
    text = explain_and_keep(failure, tmp_path)
    folder = kept_in(tmp_path).folder
    here = runtime.environment(device="cpu")
    failing = len(failures(list(failure.comparisons)))
    assert text.splitlines() == [
        "functional and subclassing do not agree.",
        "  architecture  linear_regression",
        "  stage         initial weights: linear_layer/bias",
        "  at index      [0]",
        "  observed      functional 0.0, subclassing 1.0",
        "  difference    1, which is 1065353216 ULPs of float32",
        "  allowed       no difference: the same engine, device and mode must give the same bits",
        f"  besides       {failing - 1} more of {len(failure.comparisons)} comparisons fail; this is the earliest",
        "  problem       LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=10, noise=0.1, offset=0.0, scale=1.0, "
        "condition=1.0, collinear=False, data_seed=0)",
        "  recipe        Recipe(epochs=2, batch_size=4)",
        f"  environment   keras {here.keras}, {here.engine} {here.engine_version}, numpy {here.numpy}, "
        f"python {here.python}, cpu, {here.mode}",
        f"  kept in       {folder}",
        f"  repeat it     keras-styles replay {folder}",
    ]


def test_the_text_names_both_recipes_where_there_are_two() -> None:
    trainer = Trainer(load("linear_regression"))
    other = replace(RECIPE, learning_rate=0.02)
    runs = {name: trainer.train("functional", LINE, r) for name, r in (("one", RECIPE), ("two", other))}
    lines = explain_and_keep(Failure.by(trainer, compare_styles(runs), runs), Path("/dev/null")).splitlines()
    assert f"  recipe        {RECIPE!r} for one" in lines
    assert f"  recipe        {other!r} for two" in lines
    note = next(line for line in lines if line.startswith("  note"))
    assert note.startswith("  note          the case could not be kept: NotADirectoryError: ")
    assert lines[-1].startswith(
        f"  repeat it     KERAS_BACKEND={runtime.ENGINE} KERAS_STYLES_DEVICE=cpu keras-styles check "
    )


def test_a_case_that_agrees_when_looked_at_closely_says_what_to_suspect(tmp_path: Path) -> None:
    """Records whose end was tampered with stand for a fault that a look after every step makes go away."""
    trainer = Trainer(load("linear_regression"))
    together = "with a look after every step it agrees: suspect what runs several steps at once"
    one_by_one = "trained once more it agrees: suspect something that is not the same each time"
    for recipe, remark in ((RECIPE, together), (replace(RECIPE, shuffle=True), one_by_one)):
        records = trainer.train_styles(LINE, recipe)
        *before, last = records["subclassing"].snapshots
        moved = replace(last, weights={name: value + 1 for name, value in last.weights.items()})
        records["subclassing"] = replace(records["subclassing"], snapshots=(*before, moved))
        text = explain_and_keep(Failure.by(trainer, compare_styles(records), records), tmp_path / recipe.loop)
        assert f"  note          {remark}\n" in text
        assert "it begins at" not in text


def test_the_same_case_is_kept_once_and_another_beside_it(tmp_path: Path) -> None:
    trainer = with_fault("linear_regression", subclassing=bias_of_one)
    for recipe in (RECIPE, RECIPE, replace(RECIPE, seed=1)):
        explain_and_keep(failure_of(trainer, recipe), tmp_path)
    folders = sorted((tmp_path / "failures").iterdir())
    assert len(folders) == 2
    for folder in folders:
        assert {path.name for path in folder.iterdir()} == {CASE, WEIGHTS, MESSAGE, SCRIPT}
        assert folder.name.startswith("linear-regression-initial-weights-")


def test_a_folder_holds_the_case_and_every_weight(tmp_path: Path) -> None:
    start = {"linear_layer/kernel": np.array([[0.5], [0.25]], "float32"), "linear_layer/bias": np.zeros(1, "float32")}
    trainer = with_fault("linear_regression", functional=wide_network)
    failure = failure_of(with_fault("linear_regression", subclassing=bias_of_one), RECIPE, start=start)
    assert not failures(list(failure.comparisons)), "given weights leave no fault of initial ones"
    failure = faulty_training(RECIPE, dict.fromkeys(STYLES, replace(RECIPE, learning_rate=0.02)))
    explain_and_keep(failure, tmp_path)
    kept, case = kept_in(tmp_path), kept_in(tmp_path).case
    assert (case.architecture, case.tier, case.left, case.right) == ("linear_regression", 1, "sequential", "reference")
    assert case.sides["sequential"].recipe == repr(RECIPE)
    assert case.sides["sequential"].trained_with == "Recipe(learning_rate=0.02, epochs=2, batch_size=4)"
    assert case.sides["sequential"].environment == failure.records["sequential"].environment
    assert case.found.symptom == "outside the bound"
    assert (case.found.epoch, case.found.batch) == (2, None)
    assert case.first is not None
    assert (case.first.epoch, case.first.batch) == (1, 0)
    steps = failure.train_again("sequential")
    assert kept.arrays["steps/sequential"].tolist() == [[e, b] for e in (1, 2) for b in range(3)]
    for name in ("linear_layer/kernel", "linear_layer/bias"):
        for row, snapshot in zip(kept.arrays[f"weights/sequential/{name}"], steps.snapshots, strict=True):
            assert row.tobytes() == snapshot.weights[name].tobytes()
        assert kept.arrays[f"initial weights/sequential/{name}"].tobytes() == steps.initial_weights[name].tobytes()
        apart = np.abs(kept.arrays[f"weights/sequential/{name}"] - kept.arrays[f"weights/reference/{name}"])
        assert (apart > kept.arrays[f"bound/{name}"]).any(axis=(1, *range(2, apart.ndim))).all()
    del trainer


@pytest.mark.usefixtures("as_before")
def test_a_healthy_pair_agrees_in_its_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trainer = Trainer(load("multilayer_network"))
    recipe = replace(ADAM, metrics=("mae",), shuffle=True)
    steps = trainer.train_styles(LINE, recipe, every_step=True)
    found = compare_styles(steps)[0]
    script = render_script(found, None, steps, steps, trainer.architecture)
    (tmp_path / SCRIPT).write_text(script, encoding="utf-8")
    assert run_here(tmp_path, capsys) == (0, "sequential and functional agree.\n")


VARIANTS = {
    "momentum": Recipe(epochs=2, batch_size=4, options={"momentum": 0.9, "nesterov": True}),
    "schedule": Recipe(optimizer="rmsprop", epochs=3, batch_size=4, schedule="piecewise", learning_rate=0.1),
    "cosine": replace(ADAM, schedule="cosine", options={"clipnorm": 0.5, "use_ema": True}),
    "multi": replace(ADAM, optimizer="multi"),
    "loss_scale": replace(ADAM, optimizer="loss_scale"),
    "weighted": replace(ADAM, weighted=True, metrics=("mae",), loss="mae"),
    "split": replace(ADAM, validation="split", shuffle=True),
    "validation": replace(ADAM, validation="data", seed=3),
    "pydataset": replace(ADAM, source="pydataset", weighted=True),
    "generator": replace(ADAM, source="generator", epochs=3, initial_epoch=1),
    "dataset": replace(ADAM, source="dataset"),
    "pandas": replace(ADAM, source="pandas"),
    "steps_per_epoch": replace(ADAM, steps_per_epoch=2),
    "callbacks": replace(
        ADAM,
        learning_rate=1e-4,
        epochs=6,
        callbacks=("early_stopping", "reduce_learning_rate", "checkpoint", "lambda"),
    ),
    "train_on_batch": replace(ADAM, loop="train_on_batch", weighted=True),
    "custom_loop": replace(ADAM, loop="custom_loop"),
    "save_and_resume": replace(ADAM, loop="save_and_resume"),
    "eager": replace(ADAM, mode="eager"),
    "float64": replace(ADAM, dtype="float64"),
    "mixed": replace(ADAM, dtype="mixed_bfloat16"),
    "all_at_once": Recipe(epochs=3),
}


@pytest.fixture
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take back what a script changes in this process."""
    monkeypatch.setenv("KERAS_BACKEND", runtime.ENGINE)
    for name in ("TF_CPP_MIN_LOG_LEVEL", "JAX_ENABLE_X64", "JAX_DEFAULT_MATMUL_PRECISION", "TF_DETERMINISTIC_OPS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    registered = dict(keras.saving.get_custom_objects())
    yield
    keras.saving.get_custom_objects().clear()
    keras.saving.get_custom_objects().update(registered)


@pytest.mark.usefixtures("as_before")
@pytest.mark.parametrize("name", VARIANTS)
def test_a_script_trains_what_the_recipe_says(name: str, tmp_path: Path) -> None:
    """In this process, where its bits must be the trainer's after every step: two wrong sides would agree, too."""
    recipe = VARIANTS[name]
    # No trainer's bits to repeat where the engine has no such data; the recipe's other fields are in other variants.
    if reason := why_no_source(recipe.source):
        pytest.skip(reason)
    trainer = Trainer(load("linear_regression"))
    given = name in ("momentum", "train_on_batch")
    start = {"linear_layer/bias": np.array([0.1], recipe.variable_dtype)} if given else None
    records = {
        style: trainer.train(style, LINE, recipe, start, every_step=True) for style in ("sequential", "subclassing")
    }
    script = tmp_path / SCRIPT
    found = compare_styles(records)[0]
    script.write_text(render_script(found, None, records, records, trainer.architecture), encoding="utf-8")
    assert_imports_only_keras_and_numpy(script)
    mode = records["sequential"].mode
    with runtime.on_device("cpu"), runtime.precision(recipe.dtype), runtime.in_mode(mode):
        module = runpy.run_path(str(script), run_name="script")
        for record, train in zip(records.values(), (module["train_left"], module["train_right"]), strict=True):
            assert_same_training(record, train())


@pytest.mark.usefixtures("as_before")
# Fifty layers are written down as two are, and take minutes to train step by step.
@pytest.mark.parametrize(
    ("name", "source"),
    [(name, "arrays") for name in NAMES if len(load(name).styles) > 1 and name != "deep_stack"]
    # A generator has to take apart what is more than one array.
    + [("multi_input", "generator"), ("multi_output", "generator")],
)
def test_a_script_trains_any_architecture(name: str, source: Source, tmp_path: Path) -> None:
    """Whatever it reads the columns of a problem as, and however many losses it has."""
    trainer = Trainer(load(name))
    recipe = replace(ADAM, source=source, validation="data")
    records = {
        style: trainer.train(style, PLANE, recipe, every_step=True) for style in trainer.architecture.styles[-2:]
    }
    found = compare_styles(records)[0]
    script = tmp_path / SCRIPT
    script.write_text(render_script(found, None, records, records, trainer.architecture), encoding="utf-8")
    assert_imports_only_keras_and_numpy(script)
    with runtime.on_device("cpu"):
        module = runpy.run_path(str(script), run_name="script")
        for record, train in zip(records.values(), (module["train_left"], module["train_right"]), strict=True):
            assert_same_training(record, train())


def assert_same_training(record: Record, seen: list[tuple[str, str, Mapping[str, Any]]]) -> None:
    looks = {(stage, when): named for stage, when, named in seen}
    assert looks["initial weights", ""].keys() == record.initial_weights.keys()
    assert len([stage for stage, _, _ in seen if stage == "weights"]) == len(record.snapshots)
    for snapshot in record.snapshots:
        for name, value in snapshot.weights.items():
            assert looks["weights", f"after {snapshot.when}"][name].tobytes() == value.tobytes(), snapshot.when
        if snapshot.logs:
            assert looks["history", f"at epoch {snapshot.epoch}"] == snapshot.logs
    for name, value in record.optimizer_state.items():
        assert looks["optimizer state", ""][name].tobytes() == value.tobytes(), name
    assert looks["predictions", ""]["y"].tobytes() == record.predictions.tobytes()
    assert looks["evaluation", ""] == record.evaluation


def test_what_a_script_does_otherwise_is_said_in_its_header() -> None:
    trainer = Trainer(load("linear_regression"))
    for recipe, note in (
        (
            replace(ADAM, source="pandas"),
            "fit was given the data as a pandas, which needs another package; here as arrays",
        ),
        (replace(ADAM, loop="custom_loop"), "a loop of its own computed the gradients with the engine; here "),
        (replace(ADAM, callbacks=("checkpoint",)), "a callback saved the weights after each epoch, which changes no "),
    ):
        steps = trainer.train_styles(LINE, recipe, every_step=True)
        script = render_script(compare_styles(steps)[0], None, steps, steps, trainer.architecture)
        assert f"# Other than in the suite: {note}" in script


def test_a_side_that_leaves_the_numbers_first_is_where_it_begins(tmp_path: Path) -> None:
    """The subclass overflows at once, the functional model some steps later."""
    soon, later = (Recipe(epochs=4, learning_rate=rate) for rate in (1e38, 1e15))
    failure = faulty_training(later, {"subclassing": soon})
    pair = {name: failure.records[name] for name in ("functional", "subclassing")}
    explain_and_keep(replace(failure, comparisons=compare_styles(pair), records=pair), tmp_path)
    first = kept_in(tmp_path).case.first
    assert first is not None
    assert (first.symptom, first.stage, first.batch) == ("diverged", "weights", 0)
    assert first.reason == "subclassing is infinite or not a number there"
    assert (kept_in(tmp_path).folder / SCRIPT).exists()


@pytest.mark.usefixtures("as_before")
def test_modes_that_part_are_held_to_the_bound_between_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trainer = Trainer(load("linear_regression"))
    recipe = replace(RECIPE, mode="eager")
    runs = {"eager": trainer.train("functional", LINE, recipe)}
    runs["eager, faster"] = trainer.train("functional", LINE, replace(recipe, learning_rate=0.02))
    explain_and_keep(Failure.by(trainer, compare_modes(runs), runs), tmp_path)
    kept = kept_in(tmp_path)
    assert (kept.case.tier, kept.case.found.symptom) == (2, "outside the bound")
    assert kept.case.first is not None
    code, said = run_here(kept.folder, capsys)
    assert code == 1
    assert f"  stage         {kept.case.first.stage}: {kept.case.first.where}" in said.splitlines()


def test_a_training_that_came_apart_is_kept_too(tmp_path: Path) -> None:
    trainer = Trainer(load("linear_regression"))
    huge = LinearProblem(weights=(1e30,), samples=4)
    text = explain_and_keep(failure_of(trainer, Recipe(epochs=2), huge), tmp_path / "not_finite")
    kept = kept_in(tmp_path / "not_finite")
    assert kept.case.found.symptom == "diverged"
    assert "sequential against functional: diverged" in text
    rising = failure_of(trainer, Recipe(epochs=4, snapshot_every=1, learning_rate=1.5), LINE)
    text = explain_and_keep(rising, tmp_path / "finite")
    assert (
        "  note          there is no script of this case, since its training came apart with numbers that are finite, "
        "so there is nothing to compare\n" in text
    )
    assert not (kept_in(tmp_path / "finite").folder / SCRIPT).exists()


@pytest.mark.usefixtures("as_before")
@pytest.mark.parametrize("alike", [True, False], ids=["alike", "not alike"])
def test_a_script_calls_diverged_what_the_check_does(
    alike: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soon, later = (Recipe(epochs=4, learning_rate=rate) for rate in (1e38, 1e15))
    failure = faulty_training(later, {} if alike else {"subclassing": soon})
    pair = {name: failure.records[name] for name in ("functional", "subclassing")}
    text = explain_and_keep(replace(failure, comparisons=compare_styles(pair), records=pair), tmp_path)
    folder = kept_in(tmp_path).folder
    assert folder.name.startswith("linear-regression-training-")
    code, output = run_here(folder, capsys)
    said, stage, observed = output.splitlines()
    assert code == 1
    assert said == text.splitlines()[0]
    assert said == "functional against subclassing: diverged, so nothing can be said about agreement."
    assert stage.startswith("  stage         ")
    both = "both came apart alike: the same values are infinite or not a number, which equals nothing"
    assert (
        observed == f"  observed      {both if alike else 'a value is infinite or not a number, which equals nothing'}"
    )


def test_a_builder_without_readable_source_costs_the_script_only(tmp_path: Path) -> None:
    trainer = with_fault("linear_regression", subclassing=lambda features: bias_of_one(features))
    text = explain_and_keep(failure_of(trainer, RECIPE), tmp_path)
    kept = kept_in(tmp_path)
    assert not (kept.folder / SCRIPT).exists()
    sentence = (
        "there is no script of this case, since the builder with_fault_lambda is not a function at the top of a file"
    )
    name = trainer.architecture.builders["subclassing"].__qualname__
    assert kept.case.notes == [sentence.replace("with_fault_lambda", name)]
    assert f"  note          {kept.case.notes[0]}\n" in text


def needs_more(features: int) -> Any:
    return shutil.which(str(features))


def test_the_source_of_a_builder_says_what_it_lacks() -> None:
    with pytest.raises(NoSourceError, match="it needs 'import shutil', and the script imports keras, numpy, os, sys"):
        builder_source([needs_more])


def test_the_source_of_a_builder_carries_what_it_uses() -> None:
    source = builder_source([one_ulp_off, bias_of_one])
    assert "import numpy as np" in source
    assert "class LinearRegression(keras.Model):\n" in source
    assert "subclassing_as_it_should_be = subclassing\n" in source
    assert "class BiasOfOne(keras.Model):\n" in source
    assert "def one_ulp_off(features):\n" in source
    assert "Any" not in source
    assert "type: ignore" not in source
    assert source.count("layers = keras.layers") == 1


def test_literals_rebuild_the_same_bits() -> None:
    rng = np.random.RandomState(0)
    bits = rng.randint(0, 2**31, 2000).astype("uint32")
    some = [bits.view("float32"), np.array([[0.1, -0.0], [1e-45, 3e38]], "float32"), np.array([1 / 3, np.inf, -np.inf])]
    for array in [*some, np.array([3, 2**32 - 1], "uint32"), np.array(0.1)]:
        array = array[np.isfinite(array)] if array.size == 2000 else array
        rebuilt = eval(literal(array), {"np": np})
        assert rebuilt.dtype == array.dtype
        assert rebuilt.tobytes() == array.tobytes()


def replay(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Type `keras-styles replay FOLDER` in this process; return the exit code and both outputs."""
    monkeypatch.setattr(sys, "argv", ["keras-styles", "replay", str(folder)])
    with pytest.raises(SystemExit) as exit_info:
        cli.main()
    out, err = capsys.readouterr()
    return int(exit_info.value.code or 0), out, err


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """A case that fails with the architectures of this project, since one style trains with another rate."""
    monkeypatch.setenv("KERAS_BACKEND", runtime.ENGINE)
    explain_and_keep(FAILURES["learning_rate_of_one_style"](), tmp_path)
    return kept_in(tmp_path)


def test_replay_shows_a_case_that_still_fails(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = replay(kept.folder, monkeypatch, capsys)
    assert (code, err) == (1, "")
    assert out.startswith(kept.message)
    assert "It still fails; it begins at weights: linear_layer/kernel after epoch 1, batch 0.\n" in out
    assert "functional and subclassing, trained again" in [line.strip() for line in out.splitlines()]
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if line.startswith("│")]
    assert [row[:2] for row in rows[::2]] == [["start", ""], ["1", "0"], ["1", "1"], ["1", "2"]]
    first = kept.case.first
    assert first is not None
    assert first.observed is not None
    assert rows[2][2:5] == [f"linear_layer/kernel {first.index}", *map(repr, first.observed)]
    assert rows[2][5:] == [f"{first.difference:.3g}", "none"]
    assert out.splitlines()[-1] == str(kept.folder / PICTURE)
    assert ET.parse(kept.folder / PICTURE).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_replay_shows_a_case_that_was_mended(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it was trained with is now the recipe; the environment is another one, too."""
    data = json.loads((kept.folder / CASE).read_text(encoding="utf-8"))
    data["sides"]["subclassing"]["trained_with"] = data["sides"]["subclassing"]["recipe"]
    for side in data["sides"].values():
        side["environment"] |= {"keras": "3.0.0", "machine": "another"}
    (kept.folder / CASE).write_text(json.dumps(data), encoding="utf-8")
    code, out, err = replay(kept.folder, monkeypatch, capsys)
    assert (code, err) == (0, "")
    assert f"Other than then: found with keras 3.0.0, and trained again with {keras.__version__}.\n" in out
    assert "It does not fail any more: functional and subclassing agree.\n" in out
    title = "functional and subclassing, as they were kept; they agree by now"
    assert title in [line.strip() for line in out.splitlines()]
    assert title in (kept.folder / PICTURE).read_text(encoding="utf-8")


def kept_table(folder: Path) -> Kept:
    """Return a failing case whose data lie in a file beside it."""
    (folder / "mine.csv").write_text("x,y\n1.0,2.0\n2.0,3.0\n3.0,5.0\n", encoding="utf-8")
    table = TableProblem(source=str(folder / "mine.csv"))
    explain_and_keep(failure_of(with_fault("linear_regression", subclassing=bias_of_one), RECIPE, table), folder)
    return kept_in(folder)


def test_replay_says_that_the_data_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", runtime.ENGINE)
    kept = kept_table(tmp_path)
    assert "Other than then" not in replay(kept.folder, monkeypatch, capsys)[1]
    (tmp_path / "mine.csv").write_text("x,y\n1.0,2.0\n2.0,3.0\n3.0,7.0\n", encoding="utf-8")
    _read_table.cache_clear()  # stands for a new process
    problem = kept.case.sides["functional"].problem
    changed = f"the data of {problem} have changed since, and it was trained again on what they are now"
    assert f"Other than then: {changed}.\n" in replay(kept.folder, monkeypatch, capsys)[1]
    data = json.loads((kept.folder / CASE).read_text(encoding="utf-8"))
    for side in data["sides"].values():
        del side["data"]  # as in folders from before it was kept
    (kept.folder / CASE).write_text(json.dumps(data), encoding="utf-8")
    code, out, err = replay(kept.folder, monkeypatch, capsys)
    assert (code, err) == (0, "")
    assert "Other than then" not in out


def test_replay_without_the_table_names_the_script_that_carries_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", runtime.ENGINE)
    kept, table = kept_table(tmp_path), tmp_path / "mine.csv"
    table.unlink()
    _read_table.cache_clear()  # stands for a new process
    nothing = (
        f"The table of the case of {kept.folder} cannot be read ([Errno 2] No such file or directory: '{table}'); "
    )
    code, out, err = replay(kept.folder, monkeypatch, capsys)
    assert (code, out) == (2, f"{kept.message}\n")
    assert err == (
        f"keras-styles: {nothing}replay it where the table is, or run python {kept.folder / SCRIPT}, which carries the "
        "data and runs without it.\n"
    )
    assert run_fresh(kept.folder, capsys)[0] == 1
    (kept.folder / SCRIPT).unlink()
    assert replay(kept.folder, monkeypatch, capsys)[2] == f"keras-styles: {nothing}replay it where the table is.\n"


def test_replay_of_the_reference_shows_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", runtime.ENGINE)
    explain_and_keep(FAILURES["learning_rate_of_all_styles"](), tmp_path)
    case = kept_in(tmp_path)
    code, out, err = replay(case.folder, monkeypatch, capsys)
    assert (code, err) == (1, "")
    assert case.case.first is not None
    assert f"{case.case.first.allowed:.3g}" in out
    assert "pale: the difference that rounding explains" in (case.folder / PICTURE).read_text(encoding="utf-8")


def test_replay_says_what_is_wrong_in_one_sentence(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def complaint(folder: Path) -> str:
        code, out, err = replay(folder, monkeypatch, capsys)
        assert code == 2
        assert out in ("", f"{kept.message}\n"), "the failure itself may be shown before"
        assert err.count("\n") == 1
        return err

    def copy(name: str) -> Path:
        return Path(shutil.copytree(kept.folder, tmp_path / name))

    nowhere, foreign = tmp_path / "nowhere", tmp_path / "foreign"
    foreign.mkdir()
    for folder in (nowhere, foreign):
        assert complaint(folder) == (
            f"keras-styles: {folder} is no folder of a failing case (No such file or directory); give one that a "
            "failure names after `kept in`.\n"
        )
    broken = copy("broken")
    (broken / CASE).write_text("{", encoding="utf-8")
    assert f"{broken / CASE} is corrupt or of another schema (the file as a whole: Invalid JSON" in complaint(broken)
    foreign_sides = copy("foreign_sides")
    text = (foreign_sides / CASE).read_text(encoding="utf-8")
    (foreign_sides / CASE).write_text(text.replace('"left": "functional"', '"left": "other"'), encoding="utf-8")
    assert "is corrupt or of another schema (" in complaint(foreign_sides)
    for name, data in (("cut", (kept.folder / WEIGHTS).read_bytes()[:99]), ("pickle", b"\x80\x04."), ("empty", b"")):
        folder = copy(name)
        (folder / WEIGHTS).write_bytes(data)
        assert complaint(folder).startswith(f"keras-styles: {folder / WEIGHTS} is corrupt (")
    lost = copy("lost")
    with np.load(lost / WEIGHTS) as file:
        np.savez(lost / WEIGHTS, **{name: file[name] for name in file.files if not name.startswith("steps")})
    assert "is corrupt (it lacks steps/functional); run the test again that wrote it." in complaint(lost)
    elsewhere = copy("elsewhere")
    text = (elsewhere / CASE).read_text(encoding="utf-8")
    (elsewhere / CASE).write_text(
        text.replace('"architecture": "linear_regression"', '"architecture": "tree"'), encoding="utf-8"
    )
    monkeypatch.setenv("KERAS_BACKEND", runtime.ENGINE)
    assert complaint(elsewhere) == (
        f"keras-styles: There is no architecture 'tree' here to train the case of {elsewhere} with; run "
        f"python {elsewhere / SCRIPT}, which carries its own.\n"
    )
    monkeypatch.setenv("KERAS_BACKEND", "other")
    assert complaint(kept.folder) == (
        f"keras-styles: The case was found with {runtime.ENGINE}, but KERAS_BACKEND=other is set; set "
        f"KERAS_BACKEND={runtime.ENGINE} or nothing at all.\n"
    )


def test_check_keeps_what_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    faulty = with_fault("linear_regression", subclassing=bias_of_one).architecture
    monkeypatch.setattr("keras_styles.architectures.load", lambda name: faulty)
    monkeypatch.setenv("KERAS_STYLES_RESULTS", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["keras-styles", "check", repr(LINE), repr(RECIPE)])
    with pytest.raises(SystemExit) as exit_info:
        cli.main()
    runtime.make_deterministic(False)
    assert exit_info.value.code == 1
    out = capsys.readouterr().out
    folder = kept_in(tmp_path).folder
    assert out.endswith(f"  kept in       {folder}\n  repeat it     keras-styles replay {folder}\n")
    told = pull_request_text(tmp_path, None)
    assert f"✗ The styles do not agree on `{runtime.ENGINE} cpu`: failing cases that were kept: 1." in told
    assert f"`failures/{folder.name}`" in told


# Torch is an extra, so an installation without it is no fault.
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_the_suite_keeps_the_shrunk_case_and_no_other(tmp_path: Path, project: Path, run: Any, results: Path) -> None:
    """A generated test fails at many examples on its way to the smallest one; torch compiles none of them."""
    (project / "equivalence/test_fault.py").write_text(
        "from hypothesis import example, given, strategies as st\n"
        "from equivalence.agreement import assert_styles_agree\n"
        "from keras_styles.architectures import Architecture, load\n"
        "from keras_styles.problems import LinearProblem\n"
        "from keras_styles.recipes import Recipe\n"
        "from keras_styles.runtime import keras\n"
        "from keras_styles.training import Trainer\n"
        "GOOD = load('linear_regression')\n"
        "def subclassing(features):\n"
        "    model = keras.Sequential([keras.Input((features,)), keras.layers.Dense(1, name='linear_layer')])\n"
        "    model.__class__ = type('Faulty', (keras.Sequential,), {})\n"
        "    if features > 2:\n"
        "        model.layers[0].bias.assign([1.0])\n"
        "    return model\n"
        "TRAINER = Trainer(Architecture(GOOD.name, GOOD.builders | {'subclassing': subclassing}))\n"
        "@given(st.lists(st.floats(-4, 4, width=16), min_size=1, max_size=6))\n"
        "@example([1.0])\n"
        "def test_generated(weights):\n"
        "    assert_styles_agree(TRAINER, LinearProblem(weights=tuple(weights), samples=4), Recipe(epochs=1))\n",
        encoding="utf-8",
    )
    done = run("pytest", "equivalence/test_fault.py", "-n0", cwd=project, KERAS_BACKEND="torch")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    kept = kept_in(results)
    assert kept.case.sides["functional"].problem.startswith("LinearProblem(weights=(0.0, 0.0, 0.0), ")
    assert f"kept in       {kept.folder}" in done.stdout
    assert f"repeat it     keras-styles replay {kept.folder}" in done.stdout
    assert "observed      functional 0.0, subclassing 1.0" in done.stdout
    (record,) = results.glob("*/equivalence-*.json")
    assert "keras-styles replay" in record.read_text(encoding="utf-8"), "the run's record says where the case is"
    told = pull_request_text(results, None)
    assert "✗ equivalence" in told
    assert "kept case" not in told, "it is told with its test"


def test_names_are_escaped_in_the_picture_and_the_script(kept: Kept) -> None:
    bad = '</text><script>alert("1")</script>\n\\'
    arrays = {
        name.replace("linear_layer", bad).replace("functional", bad): value for name, value in kept.arrays.items()
    }
    case = kept.case.model_copy(update={"left": bad})
    shown = trajectories_of(case, arrays)
    picture = draw(case, shown, bad)
    root = ET.fromstring(picture)
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    assert step_table(case, shown, bad) is not None

    trainer = Trainer(load("linear_regression"))
    runs = {bad: trainer.train("functional", LINE, RECIPE, every_step=True)}
    runs["'''; raise SystemExit"] = runs[bad]
    script = render_script(compare_styles(runs)[0], None, runs, runs, trainer.architecture)
    assert not [node for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Raise)]


def test_a_table_of_the_bundled_data_needs_no_file_in_its_script() -> None:
    trainer = Trainer(load("linear_regression"))
    steps = trainer.train_styles(TableProblem(source="study_hours"), Recipe(epochs=1), every_step=True)
    script = render_script(compare_styles(steps)[0], None, steps, steps, trainer.architecture)
    assert "study_hours" not in script
    assert right_way.ARCHITECTURE.builders.keys() == set(STYLES)


def test_a_folder_that_cannot_be_written_is_an_error_of_its_own(tmp_path: Path) -> None:
    failure = FAILURES["bias_of_one"]()
    (tmp_path / "failures").write_text("in the way", encoding="utf-8")
    with pytest.raises(OSError, match="failures"):
        keep(failure, retrace(failure), tmp_path)
