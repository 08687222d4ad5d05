"""Put Dropout behind a layer whose `call` has `training=True` by default, as preprocessing has, and do inference."""

import keras
import numpy as np

x = np.ones((1, 100), dtype="float32")


class Preprocessing(keras.layers.Layer):
    def call(self, x, training=True):
        return x


def inference(model):
    """Say for `model(x)` and `predict` whether something was dropped."""
    called = keras.ops.convert_to_numpy(model(x))
    predicted = model.predict(x, verbose=0)
    return ["drops" if np.any(outputs == 0) else "does not drop" for outputs in (called, predicted)]


def sequential():
    return inference(keras.Sequential([keras.Input((100,)), Preprocessing(), keras.layers.Dropout(0.5)]))


def functional():
    inputs = keras.Input((100,))
    return inference(keras.Model(inputs, keras.layers.Dropout(0.5)(Preprocessing()(inputs))))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.preprocessing = Preprocessing()
            self.dropout = keras.layers.Dropout(0.5)

        def call(self, x):
            return self.dropout(self.preprocessing(x))

    return inference(Subclass())


def subclassing_with_training():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.preprocessing = Preprocessing()
            self.dropout = keras.layers.Dropout(0.5)

        def call(self, x, training=False):
            return self.dropout(self.preprocessing(x, training=training), training=training)

    return inference(Subclass())
