"""Seed everything, make a model with an optional Dropout that is off, and compare the initial weights of its head."""

import keras
import numpy as np


def initial_weights(make_model):
    """Say whether the head starts as it does in a model that never had a Dropout."""
    keras.utils.set_random_seed(1)
    head = keras.layers.Dense(3)
    head.build((None, 3))
    keras.utils.set_random_seed(1)
    model = make_model(use_dropout=False)
    model(np.ones((1, 3)))
    same = np.array_equal(model.get_layer("head").get_weights()[0], head.get_weights()[0])
    return "as without Dropout" if same else "other"


def sequential():
    def make_model(use_dropout):
        model = keras.Sequential([keras.Input((3,))])
        if use_dropout:
            model.add(keras.layers.Dropout(0.5))
        model.add(keras.layers.Dense(3, name="head"))
        return model

    return initial_weights(make_model)


def functional():
    def make_model(use_dropout):
        x = inputs = keras.Input((3,))
        if use_dropout:
            x = keras.layers.Dropout(0.5)(x)
        return keras.Model(inputs, keras.layers.Dense(3, name="head")(x))

    return initial_weights(make_model)


def subclassing():
    class Subclass(keras.Model):
        def __init__(self, use_dropout):
            super().__init__()
            self.use_dropout = use_dropout
            self.dropout = keras.layers.Dropout(0.5)
            self.head = keras.layers.Dense(3, name="head")

        def call(self, x, training=None):
            if self.use_dropout:
                x = self.dropout(x, training=training)
            return self.head(x)

    return initial_weights(Subclass)


def subclassing_constructing_what_it_uses():
    class Subclass(keras.Model):
        def __init__(self, use_dropout):
            super().__init__()
            self.dropout = keras.layers.Dropout(0.5) if use_dropout else None
            self.head = keras.layers.Dense(3, name="head")

        def call(self, x, training=None):
            if self.dropout is not None:
                x = self.dropout(x, training=training)
            return self.head(x)

    return initial_weights(Subclass)
