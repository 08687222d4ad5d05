"""Call a part of the model with `training=False`, as transfer learning does, then train the model."""

import keras
import numpy as np

x = np.linspace(1, 2, 32, dtype="float32").reshape(8, 4)


def make_base():
    return keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization()], name="base")


def mode_in_fit(model):
    """Say whether `fit` moved the mean that the base keeps, which it does in training only."""
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    model.fit(x, x[:, :1], verbose=0)
    moving_mean = model.get_layer("base").layers[0].moving_mean
    return "training" if np.any(moving_mean) else "inference"


def functional():
    inputs = keras.Input((4,))
    return mode_in_fit(keras.Model(inputs, keras.layers.Dense(1)(make_base()(inputs, training=False))))


def functional_frozen():
    inputs = keras.Input((4,))
    base = make_base()
    base.trainable = False
    return mode_in_fit(keras.Model(inputs, keras.layers.Dense(1)(base(inputs, training=False))))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.base = make_base()
            self.head = keras.layers.Dense(1)

        def call(self, x, training=None):
            return self.head(self.base(x, training=False))

    return mode_in_fit(Subclass())
