"""A model within a model, two dense layers inside and one outside, in the three styles."""

from typing import Any

from keras_styles.architectures import Architecture
from keras_styles.runtime import keras

layers = keras.layers

UNITS = 4


def sequential(features: int) -> Any:
    """A list of layers, the first of which is a list of layers."""
    inner = keras.Sequential(
        [
            keras.Input(shape=(features,)),
            layers.Dense(UNITS, activation="tanh", name="first_layer"),
            layers.Dense(UNITS, activation="tanh", name="second_layer"),
        ],
        name="inner",
    )
    return keras.Sequential([keras.Input(shape=(features,)), inner, layers.Dense(1, name="output_layer")])


def functional(features: int) -> Any:
    """A model called on a symbolic input like a layer."""
    within = keras.Input(shape=(features,))
    first = layers.Dense(UNITS, activation="tanh", name="first_layer")(within)
    second = layers.Dense(UNITS, activation="tanh", name="second_layer")(first)
    inner = keras.Model(within, second, name="inner")
    inputs = keras.Input(shape=(features,))
    return keras.Model(inputs, layers.Dense(1, name="output_layer")(inner(inputs)))


@keras.saving.register_keras_serializable(package="keras_styles")
class InnerModel(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """The class of the model inside."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first_layer = layers.Dense(UNITS, activation="tanh", name="first_layer")
        self.second_layer = layers.Dense(UNITS, activation="tanh", name="second_layer")

    def call(self, x: Any) -> Any:
        """Return the state of shape (samples, UNITS) for x of shape (samples, features)."""
        return self.second_layer(self.first_layer(x))


@keras.saving.register_keras_serializable(package="keras_styles")
class NestedModels(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A class with a model among its attributes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = InnerModel(name="inner")
        self.output_layer = layers.Dense(1, name="output_layer")

    def call(self, x: Any) -> Any:
        """Return the prediction of shape (samples, 1) for x of shape (samples, features)."""
        return self.output_layer(self.inner(x))


def subclassing(features: int) -> Any:
    """An instance of the class, called once: until then it has no variables."""
    model = NestedModels()
    model(keras.ops.zeros((1, features)))
    return model


ARCHITECTURE = Architecture(
    name="nested_models",
    builders={"sequential": sequential, "functional": functional, "subclassing": subclassing},
)
