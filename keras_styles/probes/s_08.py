"""Clone a model with a `clone_function` that makes each layer anew from its config."""

import keras
import numpy as np

x = np.ones((2, 3), dtype="float32")


def weights_of_clone(model, **arguments):
    """Call the model, clone it, and count the weights of the clone."""
    model(x)
    return len(keras.models.clone_model(model, **arguments).weights)


def anew(layer):
    """Make a layer like another."""
    return type(layer).from_config(layer.get_config())


def sequential():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    return weights_of_clone(model, clone_function=anew)


def functional():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    return weights_of_clone(model, clone_function=anew)


@keras.saving.register_keras_serializable("S08")
class Subclass(keras.Model):
    def __init__(self, **keywords):
        super().__init__(**keywords)
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)


def subclassing():
    return weights_of_clone(Subclass(), clone_function=anew)


def subclassing_without_clone_function():
    return weights_of_clone(Subclass())
