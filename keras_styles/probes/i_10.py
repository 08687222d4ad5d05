"""Give a model that returns its input "after" a dictionary with one key more than it was built with."""

import keras
import numpy as np

x = {name: np.full((1, 1), value, "float32") for name, value in {"aaa": 1, "after": 2, "before": 3}.items()}


def after(model):
    return int(keras.ops.convert_to_numpy(model(x))[0, 0])


def functional():
    inputs = {name: keras.Input((1,), name=name) for name in ("after", "before")}
    return after(keras.Model(inputs, keras.layers.Identity()(inputs["after"])))


def functional_from_list():
    inputs = [keras.Input((1,), name=name) for name in ("after", "before")]
    return after(keras.Model(inputs, keras.layers.Identity()(inputs[0])))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.identity = keras.layers.Identity()

        def call(self, x):
            return self.identity(x["after"])

    return after(Subclass())
