"""Floors in NumPy: the forward passes of what has a floor, and their gradients written out by hand."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_styles.problems import Array


class NumPyNetwork:
    """Weights in NumPy that are trained by gradient descent on the mean squared error.

    Args:
        weights: to begin with; they are copied.
        rate: by which a gradient is multiplied.
    """

    def __init__(self, weights: Sequence[Array], rate: float) -> None:
        self._weights = [array.copy() for array in weights]
        self._rate = np.float32(rate)

    @abstractmethod
    def forward(self, x: Array) -> Array:
        """Return the prediction of shape (samples, 1)."""

    @abstractmethod
    def gradients(self, x: Array, y: Array) -> list[Array]:
        """Return the gradient of the loss by each weight."""

    def step(self, x: Array, y: Array) -> None:
        """Take one step of gradient descent on a batch."""
        for weight, gradient in zip(self._weights, self.gradients(x, y), strict=True):
            weight -= self._rate * gradient

    def pending(self) -> None:
        """Nothing is ever on its way."""

    def arrays(self) -> list[Array]:
        """Return copies of the weights."""
        return [array.copy() for array in self._weights]


class NumPyStack(NumPyNetwork):
    """Dense layers with tanh between them; weights are kernel and bias, layer by layer."""

    def forward(self, x: Array) -> Array:
        """Return the prediction of shape (samples, 1)."""
        return self._states(x)[-1]

    def gradients(self, x: Array, y: Array) -> list[Array]:
        """Return the gradient of the loss by each weight."""
        states = self._states(x)
        slope, found = _loss_slope(states.pop(), y), []
        for state, kernel in zip(reversed(states), reversed(self._weights[::2]), strict=True):
            found += [slope.sum(axis=0), state.T @ slope]
            slope = slope @ kernel.T * _tanh_slope(state)
        return found[::-1]

    def _states(self, x: Array) -> list[Array]:
        """Return x, what each layer makes of it, and the prediction."""
        *hidden, output = zip(self._weights[::2], self._weights[1::2], strict=True)
        states = [x]
        for kernel, bias in hidden:
            states.append(np.tanh(states[-1] @ kernel + bias))
        kernel, bias = output
        return [*states, states[-1] @ kernel + bias]


class _Node(NamedTuple):
    """One node of each tree: arrays whose first axis are the samples."""

    operator: Array  # its place among the operators; -1 is a number
    children: tuple[Array, Array]  # places among the nodes
    number: Array  # shape (samples, 1)
    leaf: Array  # its state if it is a number: (samples, units)
    inputs: Array  # the states of both children: (samples, 2 * units)
    by_operator: Array  # its state for each operator: (samples, operators, units)


class NumPyTree(NumPyNetwork):
    """The tree RNN; weights are kernel and bias of its leaves, of its operators and of its output.

    x has the shape (samples, 4 * nodes), as `ExpressionProblem` makes it.
    """

    def forward(self, x: Array) -> Array:
        """Return the prediction of shape (samples, 1)."""
        _, states = self._walk(x)
        return self._output(states)

    def gradients(self, x: Array, y: Array) -> list[Array]:
        """Return the gradient of the loss by each weight."""
        nodes, states = self._walk(x)
        rows, units = np.arange(len(x)), states.shape[2]
        found = [np.zeros_like(weight) for weight in self._weights]
        slope = _loss_slope(self._output(states), y)
        found[4:] = [states[:, -1].T @ slope, slope.sum(axis=0)]
        slopes = np.zeros_like(states)  # of the loss by each node's state
        slopes[:, -1] = slope @ self._weights[4].T
        for place in reversed(range(len(nodes))):
            node, of_state = nodes[place], slopes[:, place]
            is_number = node.operator[:, None] < 0
            of_leaf = np.where(is_number, of_state, 0) * _tanh_slope(node.leaf)
            of_operators = np.zeros_like(node.by_operator)
            of_operators[rows, node.operator] = np.where(is_number, 0, of_state)
            of_operators = (of_operators * _tanh_slope(node.by_operator)).reshape(len(x), -1)
            for first, inputs, of_layer in ((0, node.number, of_leaf), (2, node.inputs, of_operators)):
                found[first] += inputs.T @ of_layer
                found[first + 1] += of_layer.sum(axis=0)
            of_inputs = of_operators @ self._weights[2].T
            slopes[rows, node.children[0]] += of_inputs[:, :units]
            slopes[rows, node.children[1]] += of_inputs[:, units:]
        return found

    def _output(self, states: Array) -> Array:
        output: Array = states[:, -1] @ self._weights[4] + self._weights[5]
        return output

    def _walk(self, x: Array) -> tuple[list[_Node], Array]:
        """Return the nodes from the leaves to the root, and their states of shape (samples, nodes, units)."""
        leaf_kernel, leaf_bias, operators_kernel, operators_bias = self._weights[:4]
        samples, units = len(x), len(leaf_bias)
        columns = x.reshape(samples, -1, 4)
        rows, nodes = np.arange(samples), []
        states = np.zeros((samples, columns.shape[1], units), x.dtype)
        for place in range(columns.shape[1]):
            kind, left, right = columns[:, place, :3].astype(int).T
            number = columns[:, place, 3:]
            leaf = np.tanh(number @ leaf_kernel + leaf_bias)
            inputs = np.concatenate([states[rows, left], states[rows, right]], axis=1)
            by_operator = np.tanh(inputs @ operators_kernel + operators_bias).reshape(samples, -1, units)
            states[:, place] = np.where(kind[:, None] == 0, leaf, by_operator[rows, kind - 1])
            nodes.append(_Node(kind - 1, (left, right), number, leaf, inputs, by_operator))
        return nodes, states


def _loss_slope(prediction: Array, y: Array) -> Array:
    """Return the slope of the mean squared error over batch and outputs by the prediction."""
    slope: Array = (prediction - y) * np.float32(2 / y.size)
    return slope


def _tanh_slope(state: Array) -> Array:
    """Return the slope of tanh where it is `state`."""
    slope: Array = 1 - np.square(state)
    return slope
