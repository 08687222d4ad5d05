"""Count how often the code that connects the layers runs: at construction, in `fit`, in `fit` again, in `predict`."""

import keras
import numpy as np

x = np.ones((8, 3), dtype="float32")


class Counted:
    """Code that connects layers, and a count of its runs."""

    def __init__(self):
        self.runs = 0

    def __call__(self, x):
        self.runs += 1
        return 2 * x


def runs(model, counted):
    """Use the model on two batches at a time; return how often the code ran in each step."""
    model.compile(optimizer="sgd", loss="mse")
    counts = [counted.runs]
    model.fit(x, x, batch_size=4, verbose=0)
    counts.append(counted.runs)
    model.fit(x, x, batch_size=4, verbose=0)
    counts.append(counted.runs)
    model.predict(x, batch_size=4, verbose=0)
    counts.append(counted.runs)
    return [counts[0], *np.diff(counts).tolist()]


def functional():
    counted = Counted()
    inputs = keras.Input((3,))
    return runs(keras.Model(inputs, counted(keras.layers.Dense(3)(inputs))), counted)


def subclassing():
    class Subclass(keras.Model):
        def __init__(self, counted):
            super().__init__()
            self.dense = keras.layers.Dense(3)
            self.counted = counted

        def call(self, x):
            return self.counted(self.dense(x))

    counted = Counted()
    return runs(Subclass(counted), counted)
