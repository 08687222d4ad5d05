"""A small multilayer network, two dense layers with a tanh between them, in the three styles."""

from typing import Any

from keras_styles.architectures import Architecture
from keras_styles.runtime import keras

layers = keras.layers

HIDDEN_UNITS = 4


def sequential(features: int) -> Any:
    """A list of layers."""
    return keras.Sequential(
        [
            keras.Input(shape=(features,)),
            layers.Dense(HIDDEN_UNITS, activation="tanh", name="hidden_layer"),
            layers.Dense(1, name="output_layer"),
        ]
    )


def functional(features: int) -> Any:
    """Layers called on a symbolic input."""
    inputs = keras.Input(shape=(features,))
    hidden = layers.Dense(HIDDEN_UNITS, activation="tanh", name="hidden_layer")(inputs)
    output = layers.Dense(1, name="output_layer")(hidden)
    return keras.Model(inputs, output)


@keras.saving.register_keras_serializable(package="keras_styles")
class MultilayerNetwork(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A class with its layers as attributes and its arithmetic in `call`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden_layer = layers.Dense(HIDDEN_UNITS, activation="tanh", name="hidden_layer")
        self.output_layer = layers.Dense(1, name="output_layer")

    def call(self, x: Any) -> Any:
        """Return the prediction of shape (samples, 1) for x of shape (samples, features)."""
        return self.output_layer(self.hidden_layer(x))


def subclassing(features: int) -> Any:
    """An instance of the class, called once: until then it has no variables."""
    model = MultilayerNetwork()
    model(keras.ops.zeros((1, features)))
    return model


ARCHITECTURE = Architecture(
    name="multilayer_network",
    builders={"sequential": sequential, "functional": functional, "subclassing": subclassing},
)
