"""A tree RNN over arithmetic expressions of any shape: each node's state is made of its children's."""

from typing import Any

from keras_styles.architectures import Architecture, Inexpressible
from keras_styles.problems import Array
from keras_styles.runtime import keras

layers, ops = keras.layers, keras.ops

UNITS = 12
OPERATORS = 3
# Of each node: what it is (0 a number, from 1 an operator), where its left and its right child are, its number.
NUMBERS_PER_NODE = 4


def trees(x: Array) -> Array:
    """Take the columns for nodes, children before parents and the root last: shape (samples, nodes, 4)."""
    nodes = max(1, x.shape[1] // NUMBERS_PER_NODE)
    return x[:, -nodes * NUMBERS_PER_NODE :].reshape(len(x), nodes, NUMBERS_PER_NODE)


def sequential_attempt() -> None:
    """A list has no way to say that a node's children are somewhere before it."""
    keras.Sequential([keras.Input(shape=(None, NUMBERS_PER_NODE)), layers.Add()])


def functional_attempt() -> None:
    """A graph has one shape; how many nodes there are is not known while it is built."""
    nodes = keras.Input(shape=(None, NUMBERS_PER_NODE))
    for number in range(nodes.shape[1]):
        layers.Dense(UNITS)(nodes[:, number])


@keras.saving.register_keras_serializable(package="keras_styles")
class TreeRNN(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A class that walks each tree from its leaves to its root, whatever its shape."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.leaf = layers.Dense(UNITS, activation="tanh", name="leaf")
        self.operators = layers.Dense(OPERATORS * UNITS, activation="tanh", name="operators")
        self.output_layer = layers.Dense(1, name="output_layer")

    def call(self, trees: Any) -> Any:
        """Return the prediction of shape (samples, 1) for trees of shape (samples, nodes, 4).

        The nodes are counted in Python, which takes another trace for each number of them. On TensorFlow `fit` and
        `predict` give that up at the second number they meet and trace for any, where nothing can be counted: call
        the model itself on trees of another size.
        """
        states: list[Any] = []
        for number in range(trees.shape[1]):
            node = trees[:, number]
            kind, left, right = (ops.cast(node[:, place], "int32") for place in range(3))
            state = self.leaf(node[:, 3:])
            if states:
                # Not `==`, which in a graph compares two Python objects and is False: entry P-31 of the ledger.
                state = ops.where(ops.equal(kind[:, None], 0), state, self.combine(kind, left, right, states))
            states.append(state)
        return self.output_layer(states[-1])

    def combine(self, kind: Any, left: Any, right: Any, states: list[Any]) -> Any:
        """Return the states of nodes as their operators make them of two of the states before."""
        before = ops.stack(states, axis=1)
        children = [ops.sum(ops.one_hot(child, len(states))[..., None] * before, axis=1) for child in (left, right)]
        by_operator = ops.reshape(self.operators(ops.concatenate(children, axis=-1)), (-1, OPERATORS, UNITS))
        return ops.sum(ops.one_hot(kind - 1, OPERATORS)[..., None] * by_operator, axis=1)


def subclassing(features: int) -> Any:
    """An instance of the class, called once on trees of two nodes: until then it has no variables."""
    del features  # a tree may have any number of nodes
    model = TreeRNN()
    model(ops.zeros((1, 2, NUMBERS_PER_NODE)))
    return model


ARCHITECTURE = Architecture(
    name="tree_rnn",
    builders={"subclassing": subclassing},
    inexpressible={
        "sequential": Inexpressible(
            why="A layer of a list is given what the one before returned, and a node its children, wherever they are.",
            attempt=sequential_attempt,
            moment="construction",
            error="ValueError",
            says="should be called on a list of inputs",
        ),
        "functional": Inexpressible(
            why="The graph is drawn once; it could be drawn for a largest number of nodes, but not for any number.",
            attempt=functional_attempt,
            moment="construction",
            error="TypeError",
            says="object cannot be interpreted as an integer",
        ),
    },
    inputs=trees,
)
