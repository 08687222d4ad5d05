"""Runtime: engine, device and mode are what was asked for, or one sentence says why not."""

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest

from keras_styles import runtime
from keras_styles.architectures.linear_regression import ARCHITECTURE
from keras_styles.measurement import Action, interleave
from keras_styles.recipes import Mode, Recipe
from keras_styles.training import compile_model
from tests.conftest import Run

ASK = "import keras_styles.runtime as r; print(r.ENGINE, r.chosen_device(), r.environment(device='cpu').mode)"
OTHER_ENGINES = [
    pytest.param(e, marks=pytest.mark.skipif(importlib.util.find_spec(e) is None, reason=f"{e} is not installed"))
    for e in ("jax", "torch")
]


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def test_tensorflow_is_the_default_and_greets_nobody(run: Run) -> None:
    done = run("timeit", "-n1", "-r1", "-s", ASK, "pass")
    assert done.stdout.startswith("tensorflow cpu graph")
    assert done.stderr == ""


@pytest.mark.parametrize("engine", OTHER_ENGINES)
def test_another_engine_never_imports_tensorflow(run: Run, engine: str) -> None:
    train = (
        "from keras_styles.architectures.linear_regression import ARCHITECTURE as a;"
        "from keras_styles.training import Trainer; from keras_styles.recipes import Mode, Recipe;"
        "from keras_styles.problems import LinearProblem; import sys, keras_styles.runtime as r;"
        "Trainer(a).train_styles(LinearProblem(weights=(1.0,)), Recipe(epochs=2));"
        "print(r.ENGINE, 'tensorflow' in [n for n, m in sys.modules.items() if m])"
    )
    done = run("timeit", "-n1", "-r1", "-s", train, "pass", KERAS_BACKEND=engine)
    assert done.stdout.startswith(f"{engine} False"), done.stderr


NO_ENGINE = "KERAS_BACKEND=numpy names no engine that can train here; set it to one of tensorflow, jax, torch."


@pytest.mark.parametrize(
    ("suite", "variables", "sentence"),
    [
        ("equivalence/", {"KERAS_BACKEND": "numpy"}, NO_ENGINE),
        ("bench/", {"KERAS_BACKEND": "numpy"}, NO_ENGINE),
        (
            "equivalence/",
            {"KERAS_STYLES_DEVICE": "gpu"},
            "The engine tensorflow sees no GPU; check the driver and that tensorflow was installed with GPU support, "
            "or set KERAS_STYLES_DEVICE=cpu.",
        ),
        (
            "bench/",
            {"KERAS_STYLES_DEVICE": "tpu", "KERAS_BACKEND": "jax"},
            "'tpu' is no device; set KERAS_STYLES_DEVICE to one of cpu, gpu.",
        ),
    ],
)
def test_a_wrong_choice_is_one_sentence(run: Run, suite: str, variables: dict[str, str], sentence: str) -> None:
    if variables.get("KERAS_STYLES_DEVICE") == "gpu" and "gpu" in runtime.available_devices():
        pytest.skip("this machine has the GPU that is asked for")
    done = run("pytest", suite, **variables)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert last_line(done.stderr) == f"ERROR: {sentence}"
    assert "Traceback" not in done.stdout + done.stderr


def test_a_missing_engine_is_one_sentence(run: Run) -> None:
    hide = "import sys, importlib.machinery as m; f = m.PathFinder.find_spec; \
m.PathFinder.find_spec = lambda n, *a: None if n == 'jax' else f(n, *a); import keras_styles.runtime"
    done = run("timeit", "-n1", "-r1", "-s", hide, "pass", KERAS_BACKEND="jax")
    assert last_line(done.stderr).endswith(
        "KERAS_BACKEND=jax, but the package jax is not installed; run pip install 'keras-styles[jax]' "
        "(in a checkout: pip install -e '.[jax]'), or choose another engine."
    )


@pytest.mark.parametrize("mode", runtime.modes())
@pytest.mark.parametrize("deterministic", [False, True])
def test_a_mode_is_what_keras_was_told_also_under_determinism(mode: Mode, deterministic: bool) -> None:
    """Keras turns XLA off under op determinism with no more than a warning."""
    runtime.make_deterministic(deterministic)
    try:
        with runtime.in_mode(mode):
            model = ARCHITECTURE.build("functional", 1, 0)
            compile_model(model, Recipe(), mode)
            assert model.jit_compile == (mode == "xla")
            assert model.run_eagerly == (mode == "eager")
        if runtime.ENGINE != "jax":
            assert runtime.is_deterministic() == deterministic
    finally:
        runtime.make_deterministic(False)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(runtime.RuntimeChoiceError, match="has no mode 'lazy'; use one of"):
        runtime.resolve_mode("lazy")  # type: ignore[arg-type]


def test_precision_reaches_what_a_dtype_policy_does_not() -> None:
    with runtime.precision("float64"):
        assert runtime.keras.losses.MeanSquaredError().dtype == "float64"
        assert ARCHITECTURE.build("subclassing", 1, 0).weights[0].dtype == "float64"
    assert runtime.keras.config.floatx() == "float32"
    assert ARCHITECTURE.build("subclassing", 1, 0).weights[0].dtype == "float32"


def test_timed_regions_are_synchronized_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU nothing is asynchronous enough to see it in the time, so the calls are counted around the action."""
    events: list[str] = []
    real = runtime.synchronize

    def counted(pending: Callable[[], Any] | None = None) -> None:
        events.append("sync")
        real(pending)

    monkeypatch.setattr(runtime, "synchronize", counted)
    interleave({"a": Action(run=lambda _: events.append("a"))}, min_rounds=1, max_seconds=0, warm_up=False)
    assert events == ["sync", "a", "sync"]
