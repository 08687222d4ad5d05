"""The ground floor: chooses the engine, imports Keras, and answers for device, modes, determinism, synchronization.

No other module of this package imports keras, tensorflow, jax or torch; it asks here. Importing this module decides
the engine for the process: `KERAS_BACKEND`, or tensorflow. An engine that was not chosen is never imported.
"""

import contextlib
import functools
import importlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from keras_styles.engines import (
    DEVICE_VARIABLE,
    DEVICES,
    ENGINE_VARIABLE,
    MODES,
    chosen_engine,
    named_device,
    usable_cores,
)
from keras_styles.engines import RuntimeChoiceError as RuntimeChoiceError
from keras_styles.environment import Environment
from keras_styles.recipes import DType, Mode, Policy
from keras_styles.records import slug
from keras_styles.reference import ComputedIn

# Keras' name of each device. Not "cpu:0": on torch Keras takes that for another device than "cpu", copies every
# variable to it at each use, and `fit` ends in "No gradients provided for any variable" (Keras 3.15).
_DEVICE_NAMES: Final = {"cpu": "cpu", "gpu": "gpu:0"}

ENGINE: Final = chosen_engine()
THREADS: Final = usable_cores()


@contextlib.contextmanager
def _without_greetings() -> Iterator[None]:
    """Hold back what is written to standard error inside, below Python too; an exception lets it out.

    TensorFlow writes a dozen lines before its log level counts, whatever TF_CPP_MIN_LOG_LEVEL says.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held, contextlib.ExitStack() as stack:
        original = os.dup(2)
        stack.callback(os.close, original)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(original, held.read())
            raise
        finally:
            os.dup2(original, 2)


os.environ[ENGINE_VARIABLE] = ENGINE  # outranks what a keras.json in the home folder says
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if ENGINE != "tensorflow":
    # keras.utils.set_random_seed imports tensorflow wherever it is installed; so a run on jax or torch is the same
    # with and without it, and starts seconds sooner.
    sys.modules.setdefault("tensorflow", None)  # type: ignore[arg-type]  # None is how import is told "not there"
with _without_greetings() if ENGINE == "tensorflow" else contextlib.nullcontext():
    _engine: Any = importlib.import_module(ENGINE)
    keras: Any = importlib.import_module("keras")

if keras.backend.backend() != ENGINE:
    raise RuntimeChoiceError(
        f"Keras was imported with the engine {keras.backend.backend()} before keras_styles.runtime could choose "
        f"{ENGINE}; set {ENGINE_VARIABLE} before Python starts."
    )


def _configure_engine() -> None:
    """Set what the engines would otherwise take from the machine: threads, reduced precision, log level."""
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.disable_interactive_logging()
    if ENGINE == "tensorflow":
        _engine.get_logger().setLevel("ERROR")
        _engine.config.threading.set_intra_op_parallelism_threads(THREADS)
        _engine.config.threading.set_inter_op_parallelism_threads(THREADS)
        _engine.config.experimental.enable_tensor_float_32_execution(False)
    elif ENGINE == "jax":
        _engine.config.update("jax_default_matmul_precision", "float32")
    else:
        _engine.set_num_threads(THREADS)
        _engine.backends.cuda.matmul.allow_tf32 = False
        _engine.backends.cudnn.allow_tf32 = False


_configure_engine()


def engine_module() -> ModuleType:
    """Return the imported engine, for code that has to speak to it without Keras."""
    module: ModuleType = _engine
    return module


def modes() -> tuple[Mode, ...]:
    """Return the modes of this engine, its usual one first."""
    return MODES[ENGINE]


def resolve_mode(mode: Mode | None) -> Mode:
    """Return `mode`, or the engine's usual one for None.

    Raises:
        RuntimeChoiceError: if this engine has no such mode.
    """
    if mode is None:
        return modes()[0]
    if mode not in modes():
        raise RuntimeChoiceError(
            f"The engine {ENGINE} has no mode {mode!r}; use one of {', '.join(modes())}, or another {ENGINE_VARIABLE}."
        )
    return mode


def compile_arguments(mode: Mode) -> dict[str, bool]:
    """Return what `keras.Model.compile` is told for `mode`, so that nothing is left to `jit_compile="auto"`."""
    return {"jit_compile": mode == "xla", "run_eagerly": mode == "eager"}


@functools.cache
def available_devices() -> tuple[str, ...]:
    """Return the devices that this engine sees: always the CPU, the GPU when there is one."""
    if ENGINE == "tensorflow":
        gpu = bool(_engine.config.list_physical_devices("GPU"))
    elif ENGINE == "jax":
        gpu = any(device.platform == "gpu" for device in _engine.devices())
    else:
        gpu = bool(_engine.cuda.is_available())
    return DEVICES if gpu else DEVICES[:1]


def require_device(device: str) -> str:
    """Return `device` if the engine sees it.

    Raises:
        RuntimeChoiceError: if not.
    """
    if device not in DEVICES:
        raise RuntimeChoiceError(f"{device!r} is no device; set {DEVICE_VARIABLE} to one of {', '.join(DEVICES)}.")
    if device not in available_devices():
        raise RuntimeChoiceError(
            f"The engine {ENGINE} sees no {device.upper()}; check the driver and that {ENGINE} was installed with "
            f"{device.upper()} support, or set {DEVICE_VARIABLE}=cpu."
        )
    return device


def chosen_device() -> str:
    """Return the device that `KERAS_STYLES_DEVICE` asks for, the CPU if it is silent.

    Raises:
        RuntimeChoiceError: if it is not there.
    """
    return require_device(named_device())


@contextlib.contextmanager
def on_device(device: str) -> Iterator[None]:
    """Place all that is built and executed inside on `device`."""
    with keras.device(_DEVICE_NAMES[require_device(device)]):
        yield


@contextlib.contextmanager
def precision(dtype: Policy) -> Iterator[None]:
    """Make `dtype` the policy of all layers built inside, and of the losses, metrics and rates that follow floatx.

    A dtype policy alone is not enough: under a float64 policy Keras computes the loss in floatx.
    """
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    # jax silently turns float64 into float32 unless told otherwise.
    wide = _engine.enable_x64(True) if ENGINE == "jax" and dtype == "float64" else contextlib.nullcontext()
    try:
        keras.config.set_floatx("float64" if dtype == "float64" else "float32")
        keras.config.set_dtype_policy(dtype)
        with wide:
            yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


@functools.cache
def computed_in(dtype: DType) -> ComputedIn:
    """Return what Keras computes in when it is asked to compute in `dtype`, found by trying.

    Keras 3.15 hands everything back as float64, but takes the mean in float32 on jax and torch, and the product in
    float32 on torch: there its rule for the common dtype of two operands knows no float64
    (https://github.com/keras-team/keras/issues/23704). On TensorFlow `keras.ops.cast` takes a Python number through
    float32, which reaches the momentum of SGD and the powers of Adam's decay rates.
    """
    if dtype == "float32":
        return ComputedIn(dtype, dtype, dtype)
    with precision(dtype):
        fine = 1 + 2.0**-40  # float64 can tell it from 1, float32 cannot
        number = keras.ops.convert_to_tensor(np.array([[fine]]))
        one = keras.ops.convert_to_tensor(np.array([[1.0]]))
        tried = (keras.ops.matmul(number, one)[0, 0], keras.ops.mean(number), keras.ops.cast(fine, dtype))
        exact = [float(result) == fine for result in tried]
    return ComputedIn(*("float64" if fits else "float32" for fits in exact))


def _op_determinism() -> Any:
    """Return TensorFlow's own module for op determinism: publicly it can be switched on, but not off or asked for."""
    return importlib.import_module("tensorflow.python.framework.config")


def make_deterministic(on: bool) -> None:
    """Make the engine's operations deterministic, or give back the faster ones that need not be."""
    if ENGINE == "tensorflow":
        (_op_determinism().enable_op_determinism if on else _op_determinism().disable_op_determinism)()
    elif ENGINE == "torch":
        if on:
            # cuBLAS reads it when its first handle is made; without it, torch refuses deterministic products on a GPU.
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        _engine.use_deterministic_algorithms(on)


def is_deterministic() -> bool:
    """Say whether the engine was told to be deterministic; jax has no such switch, and XLA on a CPU always is."""
    if ENGINE == "tensorflow":
        return bool(_op_determinism().is_op_determinism_enabled())
    if ENGINE == "torch":
        return bool(_engine.are_deterministic_algorithms_enabled())
    return "gpu" not in available_devices()


@contextlib.contextmanager
def in_mode(mode: Mode) -> Iterator[None]:
    """Let all that is compiled and executed inside be in `mode`.

    Under op determinism Keras drops `jit_compile=True` on TensorFlow with a warning and goes on in graph mode. XLA's
    programs for the CPU are deterministic by themselves, so the switch is off while they are compiled and run.
    """
    suspended = mode == "xla" and ENGINE == "tensorflow" and is_deterministic()
    if suspended:
        make_deterministic(False)
    try:
        yield
    finally:
        if suspended:
            make_deterministic(True)


def synchronize(pending: Callable[[], Any] | None = None) -> None:
    """Wait until the devices have finished the work they were given; call it on both sides of a timed region.

    Args:
        pending: returns the arrays of what was timed, in any structure. jax can only wait for arrays, and to look for
            all that are alive takes as long as a short call does, so within a timed region it waits for these.
    """
    if ENGINE == "tensorflow":
        _engine.test.experimental.sync_devices()
    elif ENGINE == "jax":
        _engine.block_until_ready(pending() if pending else _engine.live_arrays())
    elif "gpu" in available_devices():
        _engine.cuda.synchronize()


def repeated_batches(batches: list[tuple[Any, Any]]) -> Callable[[], Any]:
    """Return a function that gives data for `fit(steps_per_epoch=...)`: the batches in order, over and over.

    On TensorFlow that is one dataset stripped of all that costs time and changes no bit: a tensor instead of slices
    where there is one batch, a thread of its own instead of a pool, no autotuning. The dimension of the samples is
    left open, as `fit` on arrays leaves it, so that datasets of different length share one trace. The other engines
    take a generator, a new one for each `fit` since Keras reads ahead.
    """
    if ENGINE != "tensorflow":

        def forever() -> Iterator[tuple[Any, Any]]:
            while True:
                yield from batches

        return forever

    data = _engine.data.Dataset
    if len(batches) == 1:
        dataset = data.from_tensors(batches[0])
    else:
        whole = keras.tree.map_structure(lambda *parts: np.concatenate(parts), *batches)
        dataset = data.from_tensor_slices(whole).batch(len(keras.tree.flatten(batches[0])[0])).cache()
    options = _engine.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    options.experimental_optimization.apply_default_optimizations = False
    open_shapes = keras.tree.map_structure(
        lambda array: _engine.TensorSpec((None, *array.shape[1:]), _engine.dtypes.as_dtype(array.dtype)), batches[0]
    )
    variant = _engine.data.experimental.to_variant(dataset.repeat().with_options(options))
    endless = _engine.data.experimental.from_variant(variant, open_shapes)
    return lambda: endless


def gradients(model: Any, x: Any, y: Any) -> tuple[float, list[Any]]:
    """Return the loss of one batch and its gradients, one for each trainable variable, computed eagerly.

    What a forward pass in training changes by itself (moving statistics, the state of a dropout) is changed.

    Args:
        model: compiled, with all its variables.
        x: inputs, an array or a structure of arrays.
        y: targets, likewise.
    """
    if ENGINE == "tensorflow":
        with _engine.GradientTape() as tape:
            loss = model.compute_loss(x, y, model(x, training=True), training=True)
        return float(loss), list(tape.gradient(loss, model.trainable_variables))
    if ENGINE == "torch":
        model.zero_grad()
        targets = keras.tree.map_structure(keras.ops.convert_to_tensor, y)
        loss = model.compute_loss(x, targets, model(x, training=True), training=True)
        loss.backward()
        return float(loss.detach()), [variable.value.grad for variable in model.trainable_variables]

    state = [
        [variable.value for variable in variables]
        for variables in (model.trainable_variables, model.non_trainable_variables, model.metrics_variables)
    ]
    of = _engine.value_and_grad(model.compute_loss_and_updates, has_aux=True)
    (_, (loss, _, others, _)), found = of(
        *state,
        x,
        y,
        None,
        training=True,
        optimizer_variables=[variable.value for variable in model.optimizer.variables],
    )
    for variable, value in zip(model.non_trainable_variables, others, strict=True):
        variable.assign(value)
    return float(loss), list(found)


def _rounds_products_on_a_gpu() -> bool:
    """Say whether the engine may round float32 products to TensorFloat-32, as it was told in `_configure_engine`."""
    if ENGINE == "tensorflow":
        return bool(_engine.config.experimental.tensor_float_32_execution_enabled())
    if ENGINE == "jax":
        return bool(_engine.config.jax_default_matmul_precision != "float32")
    return bool(_engine.backends.cuda.matmul.allow_tf32)


def _query_gpu() -> tuple[str | None, str | None]:
    """Return name and driver version of the first GPU as nvidia-smi tells them, or two Nones."""
    if "gpu" not in available_devices() or not (tool := shutil.which("nvidia-smi")):
        return None, None
    query = [tool, "--query-gpu=name,driver_version", "--format=csv,noheader", "--id=0"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return "unknown GPU", None
    name, _, driver = answer.strip().partition(", ")
    return name, driver or None


def _commit() -> str | None:
    """Return the commit of the checkout that this file lies in, with '+' when it was modified, or None."""
    here = Path(__file__).parent
    try:
        asked = [
            subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, timeout=30, check=True).stdout
            for words in (("rev-parse", "--short=12", "HEAD"), ("status", "--porcelain", "--", "."))
        ]
    except (OSError, subprocess.SubprocessError):
        return None
    return asked[0].strip() + ("+" if asked[1].strip() else "")


@functools.cache
def _machine() -> dict[str, Any]:
    import cpuinfo
    import psutil

    cpu = cpuinfo.get_cpu_info().get("brand_raw") or platform.processor() or platform.machine()
    gpu, driver = _query_gpu()
    words = (platform.system(), platform.machine(), cpu, f"{THREADS} cores", gpu or "no gpu")
    return {
        "machine": slug(" ".join(words)),
        "cpu": cpu,
        "cores": THREADS,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": gpu,
        "gpu_driver": driver,
        "system": platform.platform(),
        "commit": _commit(),
    }


def data_iterator() -> Callable[..., Any] | None:
    """Return the engine's function that makes an iterator over a dataset, or None where Keras goes without one."""
    if ENGINE == "tensorflow":
        return _engine.data.Dataset.__iter__  # type: ignore[no-any-return]
    return _engine.utils.data.DataLoader.__iter__ if ENGINE == "torch" else None


def operations_in(model: Any, x: Any, y: Any) -> tuple[int, int] | tuple[None, None]:
    """Return how many operations a forward pass and a training step come to, as Keras hands them to the engine.

    Those of their graphs; what the engine's compiler then makes of them is not looked at. On torch, which has none,
    those that PyTorch dispatches, those of the backward pass included. Two Nones in TensorFlow's eager mode.

    Args:
        model: compiled, with all its variables and those of its optimizer; on torch it takes the step.
        x: inputs of one batch, an array or a structure of arrays.
        y: targets, likewise.
    """
    if ENGINE == "torch":
        x, y = keras.tree.map_structure(keras.ops.convert_to_tensor, (x, y))
        return _dispatched(lambda: model(x, training=False)), _dispatched(lambda: model.train_step((x, y)))
    if model.run_eagerly:
        return None, None
    if ENGINE == "tensorflow":
        # Without autograph, as Keras calls its steps.
        forward = _engine.function(lambda inputs: model(inputs, training=False), autograph=False)
        step = _engine.function(model.train_step, autograph=False)
        return _nodes(forward.get_concrete_function(x)), _nodes(step.get_concrete_function((x, y)))
    trainable, others, optimizer, metrics = (
        [variable.value for variable in variables]
        for variables in (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )
    )
    # Without `training`, which not every `call` takes; those that do take its absence for inference.
    forward = _engine.make_jaxpr(model.stateless_call)
    step = _engine.make_jaxpr(model.train_step)
    return (
        _equations(forward(trainable, others, x)),
        _equations(step((trainable, others, optimizer, metrics), (x, y))),
    )


def _dispatched(act: Callable[[], object]) -> int:
    # What PyTorch's own flop counter is built on.
    modes: Any = importlib.import_module("torch.utils._python_dispatch")

    class Counting(modes.TorchDispatchMode):  # type: ignore[misc]  # known at run time only
        operations = 0

        def __torch_dispatch__(self, function: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.operations += 1
            return function(*args, **(kwargs or {}))

    with Counting() as counting:
        act()
    return int(counting.operations)


def _nodes(function: Any) -> int:
    graph = function.graph.as_graph_def()
    return len(graph.node) + sum(len(inner.node_def) for inner in graph.library.function)


def _equations(jaxpr: Any) -> int:
    """Count the equations of a jaxpr and of those inside of it, such as the branches of a condition."""
    inner = [value for equation in jaxpr.eqns for value in _engine.tree.leaves(equation.params)]
    return len(jaxpr.eqns) + sum(_equations(value) for value in inner if hasattr(value, "eqns"))


def peak_device_memory() -> int | None:
    """Return the most bytes of the GPU that this process has used at once, None where the engine sees no GPU."""
    if "gpu" not in available_devices():
        return None
    if ENGINE == "tensorflow":
        return int(_engine.config.experimental.get_memory_info("GPU:0")["peak"])
    if ENGINE == "jax":
        return int(_engine.devices("gpu")[0].memory_stats()["peak_bytes_in_use"])
    return int(_engine.cuda.max_memory_allocated())


def environment(*, device: str, mode: Mode | None = None, dtype: Policy = "float32") -> Environment:
    """Return the environment record of this process for work in `mode` on `device`."""
    resolved = resolve_mode(mode)
    return Environment(
        **_machine(),
        python=platform.python_version(),
        numpy=np.__version__,
        keras=keras.__version__,
        engine=ENGINE,
        engine_version=_engine.__version__,
        device=device,
        threads=THREADS,
        mode=resolved,
        jit_compile=compile_arguments(resolved)["jit_compile"],
        dtype_policy=dtype,
        deterministic=is_deterministic(),
        tensor_float_32=_rounds_products_on_a_gpu(),
    )
