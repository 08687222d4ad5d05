"""Run one stateless training step on BatchNormalization, as a hand-written JAX loop does."""

import keras
import numpy as np

x = np.linspace(1, 2, 32, dtype="float32").reshape(8, 4)


def stateless_step(model):
    """Say whether `stateless_call` in training returned other moving statistics."""
    model(x)  # builds it
    before = [variable.value for variable in model.non_trainable_variables]
    weights = [variable.value for variable in model.trainable_variables]
    _, after = model.stateless_call(weights, before, x, training=True)
    old, new = (np.concatenate([keras.ops.convert_to_numpy(state) for state in states]) for states in (before, after))
    return "trained" if np.any(old != new) else "not trained"


def sequential():
    return stateless_step(keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization()]))


def functional():
    inputs = keras.Input((4,))
    return stateless_step(keras.Model(inputs, keras.layers.BatchNormalization()(inputs)))


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.normalization = keras.layers.BatchNormalization()

    def call(self, x):
        return self.normalization(x)


class WithTraining(Subclass):
    def call(self, x, training=None):
        return self.normalization(x)


class Forwarding(Subclass):
    def call(self, x, training=None):
        return self.normalization(x, training=training)


def subclassing():
    return stateless_step(Subclass())


def subclassing_with_training():
    return stateless_step(WithTraining())


def subclassing_forwarding():
    return stateless_step(Forwarding())
