"""Call a model with an explicit `mask`; the subclass's `call` takes it but does not hand it to its layer."""

import keras
import numpy as np

x = np.array([[[1], [3], [0], [0]]], dtype="float32")
mask = np.array([[True, True, False, False]])


def masked_mean(model):
    """Return the mean over the steps; 2 if the layer in the model sees the mask, 1 if it does not."""
    model.supports_masking = True  # else Keras warns of a mask that gets lost
    return int(keras.ops.convert_to_numpy(model(x, mask=mask))[0, 0])


def sequential():
    return masked_mean(keras.Sequential([keras.Input((4, 1)), keras.layers.GlobalAveragePooling1D()]))


def functional():
    inputs = keras.Input((4, 1))
    return masked_mean(keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(inputs)))


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.pooling = keras.layers.GlobalAveragePooling1D()

    def call(self, x, mask=None):
        return self.pooling(x)


class Forwarding(Subclass):
    def call(self, x, mask=None):
        return self.pooling(x, mask=mask)


def subclassing():
    return masked_mean(Subclass())


def subclassing_forwarding():
    return masked_mean(Forwarding())
