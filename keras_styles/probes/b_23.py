"""Count the weights that a callback finds when the training of a new model begins."""

import keras
import numpy as np

x = np.ones((2, 4), "float32")


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(4)

    def call(self, x):
        return self.dense(x)


class Count(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.count = len(self.model.weights)


def found(model):
    """Train the model and return how many weights the callback found before the first batch."""
    callback = Count()
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    model.fit(x, x, verbose=0, callbacks=[callback])
    return callback.count


def sequential():
    return found(keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)]))


def sequential_deferred():
    return found(keras.Sequential([keras.layers.Dense(4)]))


def functional():
    inputs = keras.Input((4,))
    return found(keras.Model(inputs, keras.layers.Dense(4)(inputs)))


def subclassing():
    return found(Subclass())
