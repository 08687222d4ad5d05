"""Call a layer "loss", as its name or as the subclass's attribute; then compile the model and predict."""

import keras
import numpy as np

x = np.ones((2, 3), dtype="float32")


def predicted(model):
    """Compile the model and return the shape of what it predicts."""
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    return list(model.predict(x, verbose=0).shape)


def sequential():
    return predicted(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="loss")]))


def functional():
    inputs = keras.Input((3,))
    return predicted(keras.Model(inputs, keras.layers.Dense(1, name="loss")(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.loss = keras.layers.Dense(1)

        def call(self, x):
            return self.loss(x)

    return predicted(Subclass())


def subclassing_layers():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.layers = [keras.layers.Dense(1)]

        def call(self, x):
            return self.layers[0](x)

    return predicted(Subclass())


def subclassing_output():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.output = keras.layers.Dense(1)

        def call(self, x):
            return self.output(x)

    return predicted(Subclass())
