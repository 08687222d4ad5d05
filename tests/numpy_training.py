"""A training in NumPy that leaves a record: what comparison and bound are tested with, no engine needed."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from keras_styles.affine import Rounding
from keras_styles.environment import Environment
from keras_styles.problems import Array, Problem
from keras_styles.recipes import Recipe
from keras_styles.reference import BIAS, KERNEL, ComputedIn
from keras_styles.reference_optimizers import Optimizer
from keras_styles.training_record import Record, Snapshot

ENVIRONMENT = Environment(
    machine="linux-x86-64-some-cpu-2-cores-no-gpu",
    cpu="Some CPU",
    cores=2,
    memory_gib=8.0,
    gpu=None,
    gpu_driver=None,
    system="Linux",
    python="3.11.0",
    numpy="2.0.0",
    keras="3.15.1",
    engine="tensorflow",
    engine_version="2.21.0",
    device="cpu",
    threads=2,
    mode="graph",
    jit_compile=False,
    dtype_policy="float32",
    deterministic=True,
    tensor_float_32=False,
    commit=None,
)


def start_for(problem: Problem, seed: int = 0) -> dict[str, Array]:
    """Return weights to start at: a random kernel and no bias."""
    random = np.random.default_rng(seed)
    return {KERNEL: random.normal(size=(problem.features, 1)).astype("float32"), BIAS: np.zeros(1, "float32")}


def train(
    problem: Problem,
    recipe: Recipe,
    start: Mapping[str, Array] | None = None,
    *,
    style: str = "functional",
    order: int | None = None,
    every_step: bool = False,
) -> Record:
    """Train a linear regression in the recipe's dtype, every operation rounded to it.

    Args:
        problem: the data.
        recipe: one whose optimizer is in `_STEPS`.
        start: the weights to begin with.
        style: what the record claims to be.
        order: seed of a random order of summation, drawn anew for each sum; None adds in the data's order.
        every_step: whether there is a snapshot after each batch.
    """
    dtype = np.dtype(recipe.variable_dtype).type
    random = None if order is None else np.random.default_rng(order)
    x, y = problem.arrays(recipe.variable_dtype)
    initial = {name: value.astype(dtype) for name, value in (start or start_for(problem)).items()}
    theta = np.concatenate([initial[KERNEL][:, 0], initial[BIAS]])
    a = np.concatenate([x, np.ones((len(x), 1), dtype)], axis=1)
    weights = recipe.sample_weights(len(x))
    state: dict[str, NDArray[np.floating]] = {}
    snapshots: list[Snapshot] = []
    losses: list[float] = []
    sizes: list[int] = []
    taken = 0
    for epoch in range(recipe.initial_epoch, recipe.epochs):
        for number, rows in enumerate(recipe.batches(len(x))):
            batch, target, weight = a[rows], y[rows, 0], weights[rows]
            residual = _sum((batch * theta).T, random) - target
            losses.append(_sum((weight * residual * residual)[:, None], random)[0] / dtype(len(batch)))
            sizes.append(len(batch))
            slope = dtype(2) * weight * residual / dtype(len(batch))
            theta = _step(theta, _sum(batch * slope[:, None], random), state, recipe, taken)
            taken += 1
            if every_step:
                snapshots.append(Snapshot(epoch + 1, _named(theta), {}, number))
        assert theta.dtype == dtype
        if not every_step and (epoch + 1) % recipe.epochs_per_snapshot == 0:
            loss = float(np.dot(losses, sizes) / np.sum(sizes))
            snapshots.append(Snapshot(epoch + 1, _named(theta), {"loss": loss}))
            losses, sizes = [], []
    predictions = _sum((a * theta).T, random)
    evaluation = float(np.square(predictions - y[:, 0]).mean(dtype=dtype))
    return Record(
        architecture="linear_regression",
        style=style,
        model_class=style.title(),
        problem=problem,
        recipe=recipe,
        environment=ENVIRONMENT,
        computed_in=ComputedIn(*[recipe.variable_dtype] * 3),
        ran_as={"run_eagerly": False, "jit_compile": False},
        trainable=(KERNEL, BIAS),
        initial_weights=initial,
        weights_were_given=False,
        snapshots=tuple(snapshots),
        predictions=predictions[:, None],
        evaluation={"loss": evaluation},
        optimizer_state={"iteration": np.asarray(taken)},
    )


def _named(theta: Array) -> dict[str, Array]:
    return {KERNEL: theta[:-1, None].copy(), BIAS: theta[-1:].copy()}


def _sum(terms: Array, random: np.random.Generator | None) -> Array:
    """Add rows one after the other, rounding each time."""
    order = range(len(terms)) if random is None else random.permutation(len(terms))
    total = np.zeros(terms.shape[1], terms.dtype)
    for row in order:
        total = total + terms[row]
    return total


def _step(theta: Array, gradient: Array, state: dict[str, Array], recipe: Recipe, taken: int) -> Array:
    """Take one step as the papers write it, in the dtype of the weights."""
    dtype = theta.dtype.type
    option = recipe.option
    kernel = slice(0, len(theta) - 1)
    if every := option("gradient_accumulation_steps", None):
        total = state.get("accumulated", np.zeros_like(theta)) + gradient
        state["accumulated"] = np.zeros_like(theta) if (taken + 1) % every == 0 else total
        if (taken + 1) % every:
            return theta
        gradient = total / dtype(every)
        taken //= every
    if limit := option("clipvalue", None):
        gradient = np.clip(gradient, -dtype(limit), dtype(limit))
    if limit := option("clipnorm", None):
        gradient = np.concatenate([_limited(gradient[part], dtype(limit)) for part in (kernel, slice(-1, None))])
    if limit := option("global_clipnorm", None):
        gradient = _limited(gradient, dtype(limit))
    rate = dtype(Optimizer(recipe, Rounding(recipe.variable_dtype), recipe.variable_dtype, ()).rate(taken).value)
    if (decay := option("weight_decay", 0.004 if recipe.optimizer == "adamw" else None)) is not None:
        theta = theta - theta * dtype(decay) * rate
    theta = _moved(theta, gradient, state, recipe, taken, rate)
    if option("use_ema", False):
        share = dtype(option("ema_momentum", 0.99)) if taken else dtype(0)
        state["average"] = share * state.get("average", np.zeros_like(theta)) + (1 - share) * theta
        if (every := option("ema_overwrite_frequency", None)) and (taken + 1) % every == 0:
            theta = state["average"].copy()
    return theta


def _limited(gradient: Array, limit: np.floating) -> Array:
    result: Array = gradient * limit / np.maximum(np.sqrt(np.square(gradient).sum()), limit)
    return result


def _moved(
    theta: Array, gradient: Array, state: dict[str, Array], recipe: Recipe, taken: int, rate: np.floating
) -> Array:
    dtype, option = theta.dtype.type, recipe.option
    zeros = np.zeros_like(theta)
    epsilon = dtype(option("epsilon", 1e-7))
    momentum = dtype(option("momentum", 0.0))
    if recipe.optimizer == "sgd":
        if not momentum:
            return theta - rate * gradient
        state["m"] = momentum * state.get("m", zeros) - rate * gradient
        return theta + (momentum * state["m"] - rate * gradient if option("nesterov", False) else state["m"])
    if recipe.optimizer == "adagrad":
        first = np.full_like(theta, option("initial_accumulator_value", 0.1))
        state["v"] = state.get("v", first) + gradient * gradient
        return theta - rate * gradient / np.sqrt(state["v"] + epsilon)
    if recipe.optimizer == "rmsprop":
        rho = dtype(option("rho", 0.9))
        state["v"] = rho * state.get("v", zeros) + (1 - rho) * gradient * gradient
        step = rate * gradient / np.sqrt(state["v"] + epsilon)
        if not momentum:
            return theta - step
        state["m"] = momentum * state.get("m", zeros) + step
        return theta - state["m"]
    assert recipe.optimizer in ("adam", "adamw")
    beta_1, beta_2 = option("beta_1", 0.9), option("beta_2", 0.999)
    state["m"] = state.get("m", zeros) + (gradient - state.get("m", zeros)) * dtype(1 - beta_1)
    state["v"] = state.get("v", zeros) + (gradient * gradient - state.get("v", zeros)) * dtype(1 - beta_2)
    powers = dtype(beta_1) ** dtype(taken + 1), dtype(beta_2) ** dtype(taken + 1)
    alpha = rate * np.sqrt(dtype(1) - powers[1]) / (dtype(1) - powers[0])
    result: Array = theta - alpha * state["m"] / (np.sqrt(state["v"]) + epsilon)
    return result
