"""Give a model no name, and see whether it is called after the class that was written down."""

import keras


def named_after(model, name_of_class):
    """Say whether the model is named after a class; return its name if not."""
    return "after its class" if model.name.replace("_", "") == name_of_class.lower() else model.name


def sequential():
    return named_after(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]), "Sequential")


def functional():
    inputs = keras.Input((3,))
    return named_after(keras.Model(inputs, keras.layers.Dense(1)(inputs)), "Model")


def subclassing():
    class TextClassifier(keras.Model):
        pass

    return named_after(TextClassifier(), "TextClassifier")
