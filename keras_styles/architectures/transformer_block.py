"""A transformer block over the columns as a series: attention and a dense layer, each added to what it was given."""

from typing import Any

from keras_styles.architectures import Architecture, Inexpressible, columns_as_steps
from keras_styles.runtime import keras

layers = keras.layers

UNITS = 4
HEADS = 2
# In graph mode TensorFlow's arithmetic optimizer orders a sum by the names of its terms, so two models with other names
# differ in the last bits, two of one style too (entry P-30 of the ledger). The styles' default names are others.
NAME = "transformer_block"


def sequential_attempt() -> None:
    """In a list attention is given one tensor, and needs two: where to look from, and what to look at."""
    keras.Sequential([keras.Input(shape=(2, 1)), layers.Dense(UNITS), layers.MultiHeadAttention(HEADS, UNITS)])


def functional(features: int) -> Any:
    """Layers called on a symbolic input, whose results go past others.

    All are made before the first is called, as in a class: attention makes layers of its own when it is called, which
    draw their initializers' seeds then, and so would have those that are drawn first.
    """
    embedding = layers.Dense(UNITS, name="embedding")
    attention = layers.MultiHeadAttention(HEADS, UNITS // HEADS, name="attention")
    first_normalization = layers.LayerNormalization(name="first_normalization")
    widening = layers.Dense(2 * UNITS, activation="gelu", name="widening")
    narrowing = layers.Dense(UNITS, name="narrowing")
    second_normalization = layers.LayerNormalization(name="second_normalization")
    pooling = layers.GlobalAveragePooling1D(name="pooling")
    output_layer = layers.Dense(1, name="output_layer")

    inputs = keras.Input(shape=(features, 1))
    embedded = embedding(inputs)
    normal = first_normalization(embedded + attention(embedded, embedded))
    block = second_normalization(normal + narrowing(widening(normal)))
    return keras.Model(inputs, output_layer(pooling(block)), name=NAME)


@keras.saving.register_keras_serializable(package="keras_styles")
class TransformerBlock(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A class with its layers as attributes, in the order in which the functional style makes them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.embedding = layers.Dense(UNITS, name="embedding")
        self.attention = layers.MultiHeadAttention(HEADS, UNITS // HEADS, name="attention")
        self.first_normalization = layers.LayerNormalization(name="first_normalization")
        self.widening = layers.Dense(2 * UNITS, activation="gelu", name="widening")
        self.narrowing = layers.Dense(UNITS, name="narrowing")
        self.second_normalization = layers.LayerNormalization(name="second_normalization")
        self.pooling = layers.GlobalAveragePooling1D(name="pooling")
        self.output_layer = layers.Dense(1, name="output_layer")

    def call(self, x: Any) -> Any:
        """Return the prediction of shape (samples, 1) for x of shape (samples, steps, 1)."""
        embedded = self.embedding(x)
        normal = self.first_normalization(embedded + self.attention(embedded, embedded))
        block = self.second_normalization(normal + self.narrowing(self.widening(normal)))
        return self.output_layer(self.pooling(block))


def subclassing(features: int) -> Any:
    """An instance of the class, called once: until then it has no variables."""
    model = TransformerBlock(name=NAME)
    model(keras.ops.zeros((1, features, 1)))
    return model


ARCHITECTURE = Architecture(
    name="transformer_block",
    builders={"functional": functional, "subclassing": subclassing},
    inexpressible={
        "sequential": Inexpressible(
            why="Attention takes two tensors, and residual connections go past layers; a list has neither.",
            attempt=sequential_attempt,
            moment="construction",
            error="ValueError",
            says="can only have a single required positional argument",
        )
    },
    inputs=columns_as_steps,
)
