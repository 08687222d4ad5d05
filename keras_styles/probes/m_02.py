"""Pass a masked sequence through a nested model of each style, and average what comes out."""

import keras
import numpy as np

x = np.array([[[1], [3], [0], [0]]], dtype="float32")


def masked_mean(nested):
    """Return the mean over the steps; 2 if the mask arrives behind the nested model, 1 if it does not."""
    inputs = keras.layers.Masking()(x)
    return int(keras.ops.convert_to_numpy(keras.layers.GlobalAveragePooling1D()(nested(inputs)))[0, 0])


def make_dense():
    return keras.layers.Dense(1, kernel_initializer="ones")


def sequential():
    return masked_mean(keras.Sequential([keras.Input((4, 1)), make_dense()]))


def functional():
    inputs = keras.Input((4, 1))
    return masked_mean(keras.Model(inputs, make_dense()(inputs)))


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = make_dense()

    def call(self, x):
        return self.dense(x)


def subclassing():
    return masked_mean(Subclass())


def subclassing_supporting_masks():
    model = Subclass()
    model.supports_masking = True
    return masked_mean(model)
