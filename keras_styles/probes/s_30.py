"""Clone a model whose class has a `train_step` of its own, in each style."""

import keras


class Steps:
    def train_step(self, *arguments):
        return super().train_step(*arguments)


class SequentialWithStep(Steps, keras.Sequential):
    pass


class FunctionalWithStep(Steps, keras.Model):
    pass


class SubclassWithStep(Steps, keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.layer = keras.layers.Dense(1)

    def call(self, x):
        return self.layer(x)


def cloned(model):
    clone = keras.models.clone_model(model)
    return "has the step" if isinstance(clone, Steps) else f"a plain {type(clone).__name__}"


def sequential():
    return cloned(SequentialWithStep([keras.Input((1,)), keras.layers.Dense(1)]))


def functional():
    inputs = keras.Input((1,))
    return cloned(FunctionalWithStep(inputs, keras.layers.Dense(1)(inputs)))


def subclassing():
    model = SubclassWithStep()
    model(keras.ops.zeros((1, 1)))
    return cloned(model)
