"""Train a model of two inputs with `fit([a, b], y)`; the subclass's `call` takes them as two arguments."""

import keras
import numpy as np

a, b, y = np.ones((4, 2), "float32"), np.ones((4, 2), "float32"), np.ones((4, 1), "float32")


def trained(model):
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    model.fit([a, b], y, verbose=0)
    return "trained"


def functional():
    first, second = keras.Input((2,)), keras.Input((2,))
    return trained(keras.Model([first, second], keras.layers.Dense(1)(keras.layers.Add()([first, second]))))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.add = keras.layers.Add()
            self.dense = keras.layers.Dense(1)

        def call(self, a, b):
            return self.dense(self.add([a, b]))

    model = Subclass()
    model(a, b)
    return trained(model)


def subclassing_with_list():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.add = keras.layers.Add()
            self.dense = keras.layers.Dense(1)

        def call(self, inputs):
            a, b = inputs
            return self.dense(self.add([a, b]))

    return trained(Subclass())
