"""Change a number that the model's own code multiplies by, after `predict` ran once; call the model, predict again."""

import keras
import numpy as np

x = np.ones((1, 1), dtype="float32")


class Settings:
    factor = 1


def factors(model, settings, compile_again=False):
    """Return the factor that a call uses and the one that `predict` uses, after a change from 1 to 2."""
    model.predict(x, verbose=0)
    settings.factor = 2
    if compile_again:
        model.compile()
    called = keras.ops.convert_to_numpy(model(x))
    return [f"call: {called.item():.0f}", f"predict: {model.predict(x, verbose=0).item():.0f}"]


def functional():
    settings = Settings()
    inputs = keras.Input((1,))
    return factors(keras.Model(inputs, settings.factor * inputs), settings)


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.factor = 1

    def call(self, x):
        return self.factor * x


def subclassing():
    model = Subclass()
    return factors(model, model)


def subclassing_compiled_again():
    model = Subclass()
    return factors(model, model, compile_again=True)
