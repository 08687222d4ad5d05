"""Take one step with a transformer block under the default name of each style, and under that of the other."""

import functools

import keras
import numpy as np

layers = keras.layers
x = np.linspace(-2, 2, 120, dtype="float32").reshape(30, 4, 1)


class TransformerBlock(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.embedding = layers.Dense(4, name="embedding")
        self.attention = layers.MultiHeadAttention(2, 2, name="attention")
        self.normalization = layers.LayerNormalization(name="normalization")
        self.widening = layers.Dense(8, activation="gelu", name="widening")
        self.output_layer = layers.Dense(1, name="output_layer")

    def call(self, x):
        embedded = self.embedding(x)
        normal = self.normalization(embedded + self.attention(embedded, embedded))
        return self.output_layer(self.widening(normal))


def graph_of_block(name):
    block, inputs = TransformerBlock(), keras.Input((4, 1))
    return keras.Model(inputs, block.call(inputs), name=name)


@functools.cache
def trained(make, name):
    """Return the weights after a step of a model that is made with the same seed as every other."""
    keras.utils.set_random_seed(0)
    model = make(name=name)
    model(x[:1])
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse", jit_compile=False)
    model.train_on_batch(x, np.sin(x))
    return [weight.tobytes() for weight in model.get_weights()]


def compared(make, name):
    return "same bits" if trained(make, name) == trained(graph_of_block, "functional") else "other bits"


def functional():
    return compared(graph_of_block, "functional")


def functional_named_as_the_class():
    return compared(graph_of_block, "transformer_block")


def subclassing():
    return compared(TransformerBlock, "transformer_block")


def subclassing_named_functional():
    return compared(TransformerBlock, "functional")
