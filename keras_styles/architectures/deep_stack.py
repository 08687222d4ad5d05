"""A deep stack, fifty dense layers as wide as the input between input and output, in the three styles."""

from typing import Any

from keras_styles.architectures import Architecture
from keras_styles.runtime import keras

layers = keras.layers

DEPTH = 50


def sequential(features: int) -> Any:
    """A list of layers."""
    return keras.Sequential(
        [
            keras.Input(shape=(features,)),
            *(layers.Dense(features, activation="tanh", name=f"hidden_layer_{number}") for number in range(DEPTH)),
            layers.Dense(1, name="output_layer"),
        ]
    )


def functional(features: int) -> Any:
    """Layers called on a symbolic input, one after the other."""
    inputs = keras.Input(shape=(features,))
    state = inputs
    for number in range(DEPTH):
        state = layers.Dense(features, activation="tanh", name=f"hidden_layer_{number}")(state)
    output = layers.Dense(1, name="output_layer")(state)
    return keras.Model(inputs, output)


@keras.saving.register_keras_serializable(package="keras_styles")
class DeepStack(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A class with its layers in a list, and a loop over them in `call`."""

    def __init__(self, features: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features = features
        self.hidden_layers = [
            layers.Dense(features, activation="tanh", name=f"hidden_layer_{number}") for number in range(DEPTH)
        ]
        self.output_layer = layers.Dense(1, name="output_layer")

    def call(self, x: Any) -> Any:
        """Return the prediction of shape (samples, 1) for x of shape (samples, features)."""
        for layer in self.hidden_layers:
            x = layer(x)
        return self.output_layer(x)

    def get_config(self) -> dict[str, Any]:
        """Return what the class is made again of."""
        return {**super().get_config(), "features": self.features}


def subclassing(features: int) -> Any:
    """An instance of the class, called once: until then it has no variables."""
    model = DeepStack(features)
    model(keras.ops.zeros((1, features)))
    return model


ARCHITECTURE = Architecture(
    name="deep_stack",
    builders={"sequential": sequential, "functional": functional, "subclassing": subclassing},
)
