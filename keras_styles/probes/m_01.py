"""Put a layer that insists on a mask behind a nested model that makes one, and call the outer model."""

import keras
import numpy as np

ids = np.array([[1, 2, 0, 0]])


def make_encoder():
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Embedding(3, 1, mask_zero=True, embeddings_initializer="ones")]
    )


class MaskedSum(keras.layers.Layer):
    def compute_mask(self, inputs, previous_mask):
        return None  # there are no steps any more

    def call(self, x, mask=None):
        if mask is None:
            raise ValueError("There is no mask.")
        return keras.ops.sum(x[..., 0] * keras.ops.cast(mask, x.dtype), axis=1)


def total(model):
    """Return the sum over those steps that are not masked."""
    return int(keras.ops.convert_to_numpy(model(ids))[0])


def sequential():
    return total(keras.Sequential([keras.Input((4,)), make_encoder(), MaskedSum()]))


def sequential_deferred():
    return total(keras.Sequential([make_encoder(), MaskedSum()]))


def functional():
    inputs = keras.Input((4,))
    return total(keras.Model(inputs, MaskedSum()(make_encoder()(inputs))))


def functional_not_nested():
    inputs = keras.Input((4,))
    embedding = keras.layers.Embedding(3, 1, mask_zero=True, embeddings_initializer="ones")
    return total(keras.Model(inputs, MaskedSum()(embedding(inputs))))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder = make_encoder()
            self.sum = MaskedSum()

        def call(self, ids):
            return self.sum(self.encoder(ids))

    return total(Subclass())
