"""Load the weights of a trained model into a new one that has not been called yet."""

import tempfile

import keras
import numpy as np

x = np.ones((2, 3), dtype="float32")


def loaded(build_model, shape=None):
    """Save the weights of one model and load them into another, built for a shape or not; say whether they agree."""
    trained, new = build_model(), build_model()
    if shape:
        new.build(shape)
    before = keras.ops.convert_to_numpy(trained(x))
    with tempfile.TemporaryDirectory() as folder:
        trained.save_weights(f"{folder}/model.weights.h5")
        new.load_weights(f"{folder}/model.weights.h5")
    after = keras.ops.convert_to_numpy(new(x))
    return "loaded" if np.array_equal(before, after) else "other predictions"


def sequential():
    return loaded(lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))


def sequential_deferred():
    return loaded(lambda: keras.Sequential([keras.layers.Dense(1)]))


def sequential_deferred_built():
    return loaded(lambda: keras.Sequential([keras.layers.Dense(1)]), shape=(None, 3))


def functional():
    def build_model():
        inputs = keras.Input((3,))
        return keras.Model(inputs, keras.layers.Dense(1)(inputs))

    return loaded(build_model)


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)


def subclassing():
    return loaded(Subclass)


def subclassing_built():
    return loaded(Subclass, shape=(None, 3))
