"""The floor: full-batch gradient descent on linear regression in the engine's own words, without Keras."""

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_styles import runtime
from keras_styles.problems import Array
from keras_styles.reference import BIAS, KERNEL
from keras_styles.training_record import Weights


def bare_loop(x: Array, y: Array, learning_rate: float, steps: int) -> Callable[[Weights], dict[str, Array]]:
    """Return a function that trains from given weights and returns the trained ones; its first call may compile.

    Args:
        x: shape (samples, features).
        y: shape (samples, 1).
        learning_rate: step size.
        steps: number of steps, each over all samples.
    """
    return _LOOPS[runtime.ENGINE](runtime.engine_module(), x, y, learning_rate, steps)


def _tensorflow(tf: Any, x: Array, y: Array, rate: float, steps: int) -> Callable[[Weights], dict[str, Array]]:
    data, target = tf.constant(x), tf.constant(y)
    kernel, bias = tf.Variable(np.zeros((x.shape[1], 1), x.dtype)), tf.Variable(np.zeros(1, x.dtype))

    @tf.function(jit_compile=False)  # type: ignore[untyped-decorator]  # tensorflow has no type information
    def loop() -> None:
        for _ in tf.range(steps):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(tf.matmul(data, kernel) + bias - target))
            kernel_gradient, bias_gradient = tape.gradient(loss, [kernel, bias])
            kernel.assign_sub(rate * kernel_gradient)
            bias.assign_sub(rate * bias_gradient)

    def train(start: Weights) -> dict[str, Array]:
        kernel.assign(start[KERNEL])
        bias.assign(start[BIAS])
        loop()
        return {KERNEL: kernel.numpy(), BIAS: bias.numpy()}

    return train


def _jax(jax: Any, x: Array, y: Array, rate: float, steps: int) -> Callable[[Weights], dict[str, Array]]:
    def mean_squared_error(weights: tuple[Any, Any]) -> Any:
        kernel, bias = weights
        return jax.numpy.mean(jax.numpy.square(x @ kernel + bias - y))

    def step(_: int, weights: tuple[Any, Any]) -> tuple[Any, Any]:
        gradients = jax.grad(mean_squared_error)(weights)
        return weights[0] - rate * gradients[0], weights[1] - rate * gradients[1]

    loop = jax.jit(lambda kernel, bias: jax.lax.fori_loop(0, steps, step, (kernel, bias)))

    def train(start: Weights) -> dict[str, Array]:
        kernel, bias = loop(start[KERNEL], start[BIAS])
        return {KERNEL: np.array(kernel), BIAS: np.array(bias)}

    return train


def _torch(torch: Any, x: Array, y: Array, rate: float, steps: int) -> Callable[[Weights], dict[str, Array]]:
    data, target = torch.tensor(x), torch.tensor(y)

    def train(start: Weights) -> dict[str, Array]:
        kernel, bias = (torch.tensor(start[name], requires_grad=True) for name in (KERNEL, BIAS))
        for _ in range(steps):
            loss = torch.mean(torch.square(data @ kernel + bias - target))
            gradients = torch.autograd.grad(loss, (kernel, bias))
            with torch.no_grad():
                kernel -= rate * gradients[0]
                bias -= rate * gradients[1]
        return {KERNEL: kernel.detach().numpy(), BIAS: bias.detach().numpy()}

    return train


_LOOPS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
