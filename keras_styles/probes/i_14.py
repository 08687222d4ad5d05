"""Tell the first layer its shape with `input_shape=`, and count the model's weights before it has seen data."""

import keras


def sequential():
    return len(keras.Sequential([keras.layers.Dense(1, input_shape=(3,))]).weights)


def functional():
    inputs = keras.Input((3,))
    return len(keras.Model(inputs, keras.layers.Dense(1, input_shape=(3,))(inputs)).weights)


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1, input_shape=(3,))

        def call(self, x):
            return self.dense(x)

    return len(Subclass().weights)
