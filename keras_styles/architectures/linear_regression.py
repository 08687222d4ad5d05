"""Linear regression, one dense layer without activation: the seed's model in the three styles."""

from typing import Any

from keras_styles.architectures import Architecture
from keras_styles.runtime import keras

layers = keras.layers


def sequential(features: int) -> Any:
    """A list of layers."""
    return keras.Sequential(
        [
            keras.Input(shape=(features,)),
            layers.Dense(1, activation="linear", name="linear_layer"),
        ]
    )


def functional(features: int) -> Any:
    """Layers called on a symbolic input."""
    inputs = keras.Input(shape=(features,))
    output = layers.Dense(1, activation="linear", name="linear_layer")(inputs)
    return keras.Model(inputs, output)


@keras.saving.register_keras_serializable(package="keras_styles")
class LinearRegression(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A class with its layer as an attribute and its arithmetic in `call`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.linear_layer = layers.Dense(1, activation="linear", name="linear_layer")

    def call(self, x: Any) -> Any:
        """Return the prediction of shape (samples, 1) for x of shape (samples, features)."""
        return self.linear_layer(x)


def subclassing(features: int) -> Any:
    """An instance of the class, called once: until then it has no variables."""
    model = LinearRegression()
    model(keras.ops.zeros((1, features)))
    return model


@keras.saving.register_keras_serializable(package="keras_styles")
class SeedLinearRegression(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """The seed's own subclass, no style of this project: what `equivalence/test_saving.py` shows cannot be loaded.

    Its `__init__` takes no keyword arguments, and Keras passes the saved ones to it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.linear_layer = layers.Dense(1, input_dim=1, activation="linear")

    def call(self, x: Any) -> Any:
        """Return the prediction of shape (samples, 1) for x of shape (samples, 1)."""
        return self.linear_layer(x)


ARCHITECTURE = Architecture(
    name="linear_regression",
    builders={"sequential": sequential, "functional": functional, "subclassing": subclassing},
)
