"""Floors: the arithmetic of a stack of dense layers without Keras, in the engine's own words and in NumPy.

Mean squared error, gradient descent, tanh between the layers: what every architecture computes that has a floor. A step
is one call of a compiled function, in a loop of Python's; that is how a training loop of one's own is written.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from keras_styles import runtime
from keras_styles.problems import Array

Layer = tuple[Any, Any]  # kernel and bias


class Network(Protocol):
    """A stack of dense layers with a step of training and a forward pass."""

    def step(self, x: Array, y: Array) -> None:
        """Take one step of gradient descent on a batch."""

    def forward(self, x: Any) -> Any:
        """Return the prediction as this network's own kind of array, which may still be on its way."""

    def pending(self) -> Any:
        """Return the weights as this network's own arrays, which may still be on their way."""

    def arrays(self) -> list[Array]:
        """Return the weights: kernel and bias, layer by layer."""


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
        """Return the weights: kernel and bias, layer by layer."""
        return self._network.arrays()


def engine_floor(weights: Sequence[Array], rate: float) -> Floor:
    """Return the floor in this engine's own words, from given weights: kernel and bias, layer by layer."""
    return Floor(_NETWORKS[runtime.ENGINE], weights, rate)


def numpy_floor(weights: Sequence[Array], rate: float) -> Floor:
    """Return the floor in NumPy, from given weights: kernel and bias, layer by layer."""
    return Floor(_NumPy, weights, rate)


def _batches(samples: int, batch_size: int) -> Iterator[slice]:
    for start in range(0, samples, batch_size):
        yield slice(start, start + batch_size)


def _pairs(flat: Sequence[Any]) -> list[Layer]:
    return list(zip(flat[::2], flat[1::2], strict=True))


class _NumPy:
    def __init__(self, weights: list[Array], rate: float) -> None:
        self._layers = _pairs([array.copy() for array in weights])
        self._rate = np.float32(rate)

    def forward(self, x: Array) -> Array:
        return self._states(x)[-1]

    def step(self, x: Array, y: Array) -> None:
        states = self._states(x)
        # Of the mean over batch and outputs; then backwards through each tanh, whose slope is 1 - tanh^2.
        slope = (states[-1] - y) * np.float32(2 / y.size)
        for number in reversed(range(len(self._layers))):
            kernel, bias = self._layers[number]
            below = slope @ kernel.T
            kernel -= self._rate * (states[number].T @ slope)
            bias -= self._rate * slope.sum(axis=0)
            slope = below * (1 - np.square(states[number]))

    def pending(self) -> None:
        """Nothing is ever on its way."""

    def arrays(self) -> list[Array]:
        return [array.copy() for layer in self._layers for array in layer]

    def _states(self, x: Array) -> list[Array]:
        states = [x]
        for kernel, bias in self._layers[:-1]:
            states.append(np.tanh(states[-1] @ kernel + bias))
        kernel, bias = self._layers[-1]
        return [*states, states[-1] @ kernel + bias]


class _TensorFlow:
    def __init__(self, weights: list[Array], rate: float) -> None:
        tf: Any = runtime.engine_module()
        variables = [tf.Variable(array) for array in weights]

        def forward(x: Any) -> Any:
            return _through(_pairs(variables), x, tf.tanh)

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
        self._step(self._tensor(x), self._tensor(y))  # of an array, tf.function would take the values for constants

    def pending(self) -> list[Any]:
        return self._variables

    def arrays(self) -> list[Array]:
        return [variable.numpy() for variable in self._variables]


class _Jax:
    def __init__(self, weights: list[Array], rate: float) -> None:
        jax: Any = runtime.engine_module()

        def forward(flat: list[Any], x: Any) -> Any:
            return _through(_pairs(flat), x, jax.numpy.tanh)

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
    def __init__(self, weights: list[Array], rate: float) -> None:
        self._torch: Any = runtime.engine_module()
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
        return _through(_pairs(self._weights), self._torch.as_tensor(x, device=self._device), self._torch.tanh)


def _through(layers: list[Layer], x: Any, tanh: Callable[[Any], Any]) -> Any:
    for kernel, bias in layers[:-1]:
        x = tanh(x @ kernel + bias)
    kernel, bias = layers[-1]
    return x @ kernel + bias


_NETWORKS: dict[str, Callable[[list[Array], float], Network]] = {
    "tensorflow": _TensorFlow,
    "jax": _Jax,
    "torch": _Torch,
}
