"""Floors: the arithmetic of an architecture without Keras, in the engine's own words and in NumPy.

Mean squared error and gradient descent, as everything that has a floor is trained. A step is one call of a compiled
function, in a loop of Python's; that is how a training loop of one's own is written.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from keras_styles import runtime
from keras_styles.numpy_floors import NumPyStack, NumPyTree
from keras_styles.problems import Array


class Words(NamedTuple):
    """What an engine calls the functions of the forward passes."""

    tanh: Callable[[Any], Any]
    where: Callable[[Any, Any, Any], Any]
    concatenate: Callable[..., Any]  # a list of arrays, and an axis


# Of the engine's words, the weights and x.
_Forward = Callable[[Words, Sequence[Any], Any], Any]


class Network(Protocol):
    """Weights with a step of training and a forward pass."""

    def step(self, x: Array, y: Array) -> None:
        """Take one step of gradient descent on a batch."""

    def forward(self, x: Any) -> Any:
        """Return the prediction as this network's own kind of array, which may still be on its way."""

    def pending(self) -> Any:
        """Return the weights as this network's own arrays, which may still be on their way."""

    def arrays(self) -> list[Array]:
        """Return copies of the weights."""


class Floor:
    """A network without Keras, with the phases of a model's life as far as it has them."""

    def __init__(self, make: Callable[[list[Array], float], Network], weights: Sequence[Array], rate: float) -> None:
        self._make = make
        self._start = list(weights)
        self._rate = rate
        self._network = make(self._start, rate)

    def build(self) -> None:
        """Make the variables."""
        self._network = self._make(self._start, self._rate)

    def fit(self, x: Array, y: Array, batch_size: int, epochs: int = 1) -> None:
        """Train on batches in order."""
        for _ in range(epochs):
            for part in _batches(len(x), batch_size):
                self._network.step(x[part], y[part])

    def predict(self, x: Array, batch_size: int) -> Array:
        """Return predictions as a NumPy array."""
        parts = [np.asarray(self._network.forward(x[part])) for part in _batches(len(x), batch_size)]
        return np.concatenate(parts)

    def call(self, x: Any) -> Any:
        """Return the prediction for what is on the device already."""
        return self._network.forward(x)

    def save(self, path: Path) -> None:
        """Write the weights."""
        np.savez(path, *self._network.arrays())

    def load(self, path: Path) -> Network:
        """Make a network of saved weights."""
        with np.load(path) as saved:
            return self._make([saved[name] for name in saved.files], self._rate)

    def pending(self) -> Any:
        """Return the weights as the network's own arrays, which may still be on their way."""
        return self._network.pending()

    def arrays(self) -> list[Array]:
        """Return copies of the weights."""
        return self._network.arrays()


def engine_floor(architecture: str, weights: Sequence[Array], rate: float) -> Floor:
    """Return the floor of an architecture in this engine's own words, from given weights: kernel and bias by layer."""
    make, forward = _NETWORKS[runtime.ENGINE], ARITHMETIC[architecture].forward
    return Floor(lambda *start: make(forward, *start), weights, rate)


def numpy_floor(architecture: str, weights: Sequence[Array], rate: float) -> Floor:
    """Return the floor of an architecture in NumPy, from given weights: kernel and bias by layer."""
    return Floor(ARITHMETIC[architecture].in_numpy, weights, rate)


def _batches(samples: int, batch_size: int) -> Iterator[slice]:
    for start in range(0, samples, batch_size):
        yield slice(start, start + batch_size)


def _stack(words: Words, weights: Sequence[Any], x: Any) -> Any:
    """Pass x of shape (samples, features) through dense layers with tanh between them."""
    *hidden, output = zip(weights[::2], weights[1::2], strict=True)
    for kernel, bias in hidden:
        x = words.tanh(x @ kernel + bias)
    kernel, bias = output
    return x @ kernel + bias


def _tree(words: Words, weights: Sequence[Any], x: Any) -> Any:
    """Go up the trees in x of shape (samples, 4 * nodes), as `ExpressionProblem` makes them."""
    leaf_kernel, leaf_bias, operators_kernel, operators_bias, output_kernel, output_bias = weights
    units = leaf_bias.shape[0]
    states: list[Any] = []
    for column in range(0, x.shape[1], 4):
        kind, left, right, number = (x[:, place : place + 1] for place in range(column, column + 4))
        state = words.tanh(number @ leaf_kernel + leaf_bias)
        if states:
            children = words.concatenate([_chosen(words, child, states) for child in (left, right)], axis=1)
            by_operator = words.tanh(children @ operators_kernel + operators_bias)
            operators = [by_operator[:, start : start + units] for start in range(0, by_operator.shape[1], units)]
            state = _chosen(words, kind, [state, *operators])
        states.append(state)
    return states[-1] @ output_kernel + output_bias


def _chosen(words: Words, place: Any, choices: Sequence[Any]) -> Any:
    """Return for each sample the one of the choices that is at its place, a column of whole numbers."""
    chosen = choices[0]
    for number, choice in enumerate(choices[1:], start=1):
        chosen = words.where(place == number, choice, chosen)
    return chosen


class Arithmetic(NamedTuple):
    """What an architecture computes, without Keras."""

    forward: _Forward  # in an engine's words
    in_numpy: Callable[[list[Array], float], Network]


_OF_STACKS = Arithmetic(_stack, NumPyStack)
# Those with two inputs are halves of one table.
ARITHMETIC: Final[Mapping[str, Arithmetic]] = {
    "linear_regression": _OF_STACKS,
    "multilayer_network": _OF_STACKS,
    "deep_stack": _OF_STACKS,
    "multi_input": _OF_STACKS,
    "tree_rnn": Arithmetic(_tree, NumPyTree),
}


class _TensorFlow:
    def __init__(self, predict: _Forward, weights: list[Array], rate: float) -> None:
        tf: Any = runtime.engine_module()
        variables = [tf.Variable(array) for array in weights]
        words = Words(tf.tanh, tf.where, tf.concat)

        def forward(x: Any) -> Any:
            return predict(words, variables, x)

        def step(x: Any, y: Any) -> None:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(forward(x) - y))
            for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
                variable.assign_sub(rate * gradient)

        self._variables = variables
        self.forward = tf.function(forward, jit_compile=False)
        self._step = tf.function(step, jit_compile=False)
        self._tensor = tf.constant

    def step(self, x: Array, y: Array) -> None:
        self._step(self._tensor(x), self._tensor(y))

    def pending(self) -> list[Any]:
        return self._variables

    def arrays(self) -> list[Array]:
        return [variable.numpy() for variable in self._variables]


class _Jax:
    def __init__(self, predict: _Forward, weights: list[Array], rate: float) -> None:
        jax: Any = runtime.engine_module()
        words = Words(jax.numpy.tanh, jax.numpy.where, jax.numpy.concatenate)

        def forward(flat: list[Any], x: Any) -> Any:
            return predict(words, flat, x)

        def loss(flat: list[Any], x: Any, y: Any) -> Any:
            return jax.numpy.mean(jax.numpy.square(forward(flat, x) - y))

        def step(flat: list[Any], x: Any, y: Any) -> list[Any]:
            gradients = jax.grad(loss)(flat, x, y)
            return [weight - rate * gradient for weight, gradient in zip(flat, gradients, strict=True)]

        self._weights = [jax.numpy.array(array) for array in weights]
        self._forward = jax.jit(forward)
        self._step = jax.jit(step)

    def forward(self, x: Any) -> Any:
        return self._forward(self._weights, x)

    def step(self, x: Array, y: Array) -> None:
        self._weights = self._step(self._weights, x, y)

    def pending(self) -> list[Any]:
        return self._weights

    def arrays(self) -> list[Array]:
        return [np.asarray(weight) for weight in self._weights]


class _Torch:
    def __init__(self, predict: _Forward, weights: list[Array], rate: float) -> None:
        self._torch: Any = runtime.engine_module()
        self._predict = predict
        self._words = Words(self._torch.tanh, self._torch.where, self._torch.concatenate)
        self._device = runtime.keras.ops.zeros(1).device  # the one that Keras was told to use
        self._weights = [self._torch.tensor(array, device=self._device, requires_grad=True) for array in weights]
        self._rate = rate

    def forward(self, x: Any) -> Any:
        with self._torch.no_grad():
            return self._raw(x).cpu() if isinstance(x, np.ndarray) else self._raw(x)

    def step(self, x: Array, y: Array) -> None:
        torch = self._torch
        loss = torch.mean(torch.square(self._raw(x) - torch.as_tensor(y, device=self._device)))
        gradients = torch.autograd.grad(loss, self._weights)
        with torch.no_grad():
            for weight, gradient in zip(self._weights, gradients, strict=True):
                weight -= self._rate * gradient

    def pending(self) -> list[Any]:
        return self._weights

    def arrays(self) -> list[Array]:
        return [weight.detach().cpu().numpy().copy() for weight in self._weights]

    def _raw(self, x: Any) -> Any:
        return self._predict(self._words, self._weights, self._torch.as_tensor(x, device=self._device))


_NETWORKS: Final[Mapping[str, Callable[[_Forward, list[Array], float], Network]]] = {
    "tensorflow": _TensorFlow,
    "jax": _Jax,
    "torch": _Torch,
}
