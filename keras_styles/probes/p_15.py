"""Apply a layer to each step of a sequence with `keras.ops.map`, and train it."""

import keras
import numpy as np

x = np.linspace(0, 1, 24, dtype="float32").reshape(4, 2, 3)


def trained(model, layer):
    """Say whether `fit` changed the layer that was mapped."""
    model(x)
    before = keras.ops.convert_to_numpy(layer.kernel)
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    model.fit(x, x[:, 0, :1], verbose=0)
    after = keras.ops.convert_to_numpy(layer.kernel)
    return "not trained" if np.array_equal(before, after) else "trained"


def mapped(layer, x):
    """Apply a layer to each step, and average over the steps."""
    steps = keras.ops.map(layer, keras.ops.transpose(x, (1, 0, 2)))
    return keras.ops.mean(steps, axis=0)


def functional():
    layer = keras.layers.Dense(4)
    inputs = keras.Input((2, 3))
    return trained(keras.Model(inputs, keras.layers.Dense(1)(mapped(layer, inputs))), layer)


def functional_with_layer():
    layer = keras.layers.Dense(4)
    inputs = keras.Input((2, 3))
    steps = keras.layers.TimeDistributed(layer)(inputs)
    return trained(keras.Model(inputs, keras.layers.Dense(1)(keras.ops.mean(steps, axis=1))), layer)


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.layer = keras.layers.Dense(4)
            self.out = keras.layers.Dense(1)

        def call(self, x):
            return self.out(mapped(self.layer, x))

    model = Subclass()
    return trained(model, model.layer)
