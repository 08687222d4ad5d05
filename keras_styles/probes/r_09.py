"""Seed everything, run two branches with a Dropout each, and compare the masks with those of the layers alone."""

import keras
import numpy as np

x = np.ones((1, 64), dtype="float32")


def masks(make_model, seeds=(None, None)):
    """Say for each branch whether it drops what its layer drops if the first branch is run before the second."""
    keras.utils.set_random_seed(1)
    alone = [dropout(x, training=True) for dropout in make_dropouts(seeds)]
    keras.utils.set_random_seed(1)
    branches = make_model(seeds)(x, training=True)
    pairs = [map(keras.ops.convert_to_numpy, pair) for pair in zip(alone, branches, strict=True)]
    return ["same" if np.array_equal(*pair) else "other" for pair in pairs]


def make_dropouts(seeds):
    return [keras.layers.Dropout(0.5, seed=seed) for seed in seeds]


def make_functional(seeds):
    inputs = keras.Input((64,))
    first_dropout, second_dropout = make_dropouts(seeds)
    return keras.Model(inputs, [first_dropout(inputs), keras.layers.Identity()(second_dropout(inputs))])


def functional():
    return masks(make_functional)


def functional_with_seeds():
    return masks(make_functional, seeds=(1, 2))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self, seeds):
            super().__init__()
            self.first_dropout, self.second_dropout = make_dropouts(seeds)
            self.identity = keras.layers.Identity()

        def call(self, x, training=None):
            first = self.first_dropout(x, training=training)
            return [first, self.identity(self.second_dropout(x, training=training))]

    return masks(Subclass)
