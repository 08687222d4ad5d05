"""Seed everything, put a head behind an attention layer in each style, and compare the head's initial weights."""

import keras
import numpy as np


class SelfAttention(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.attention = keras.layers.MultiHeadAttention(num_heads=1, key_dim=2)

    def build(self, shape):
        self.attention.build(shape, shape)

    def call(self, x):
        return self.attention(x, x)


def initial_weights(make_model):
    """Say whether the head starts as it does if all layers are constructed before one is called."""
    keras.utils.set_random_seed(1)
    SelfAttention()
    head = keras.layers.Dense(3)
    head.build((None, 2, 3))
    keras.utils.set_random_seed(1)
    model = make_model()
    model(np.ones((1, 2, 3)))
    same = np.array_equal(model.get_layer("head").get_weights()[0], head.get_weights()[0])
    return "as constructed beforehand" if same else "other"


def sequential():
    return initial_weights(
        lambda: keras.Sequential([keras.Input((2, 3)), SelfAttention(), keras.layers.Dense(3, name="head")])
    )


def sequential_with_add():
    def make_model():
        model = keras.Sequential([keras.Input((2, 3))])
        model.add(SelfAttention())
        model.add(keras.layers.Dense(3, name="head"))
        return model

    return initial_weights(make_model)


def functional():
    def make_model():
        inputs = keras.Input((2, 3))
        x = SelfAttention()(inputs)
        return keras.Model(inputs, keras.layers.Dense(3, name="head")(x))

    return initial_weights(make_model)


def functional_constructing_first():
    def make_model():
        attention, head = SelfAttention(), keras.layers.Dense(3, name="head")
        inputs = keras.Input((2, 3))
        return keras.Model(inputs, head(attention(inputs)))

    return initial_weights(make_model)


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.attention = SelfAttention()
            self.head = keras.layers.Dense(3, name="head")

        def call(self, x):
            return self.head(self.attention(x))

    return initial_weights(Subclass)
