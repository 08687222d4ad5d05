"""Two branches from one input that are concatenated again, in the styles that can have branches."""

from typing import Any

from keras_styles.architectures import Architecture, Inexpressible
from keras_styles.runtime import keras

layers = keras.layers

UNITS = 3


def sequential_attempt() -> None:
    """In a list the second branch can only come after the first, and nothing is left of the input to concatenate."""
    keras.Sequential(
        [
            keras.Input(shape=(2,)),
            layers.Dense(UNITS, activation="tanh"),
            layers.Dense(UNITS, activation="relu"),
            layers.Concatenate(),
            layers.Dense(1),
        ]
    )


def functional(features: int) -> Any:
    """Layers called on a symbolic input, two of them on the same."""
    inputs = keras.Input(shape=(features,))
    smooth = layers.Dense(UNITS, activation="tanh", name="smooth")(inputs)
    sharp = layers.Dense(UNITS, activation="relu", name="sharp")(inputs)
    both = layers.Concatenate(name="both")([smooth, sharp])
    return keras.Model(inputs, layers.Dense(1, name="output_layer")(both))


@keras.saving.register_keras_serializable(package="keras_styles")
class Concatenation(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A class with both branches in its `call`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.smooth = layers.Dense(UNITS, activation="tanh", name="smooth")
        self.sharp = layers.Dense(UNITS, activation="relu", name="sharp")
        self.both = layers.Concatenate(name="both")
        self.output_layer = layers.Dense(1, name="output_layer")

    def call(self, x: Any) -> Any:
        """Return the prediction of shape (samples, 1) for x of shape (samples, features)."""
        return self.output_layer(self.both([self.smooth(x), self.sharp(x)]))


def subclassing(features: int) -> Any:
    """An instance of the class, called once: until then it has no variables."""
    model = Concatenation()
    model(keras.ops.zeros((1, features)))
    return model


ARCHITECTURE = Architecture(
    name="concatenation",
    builders={"functional": functional, "subclassing": subclassing},
    inexpressible={
        "sequential": Inexpressible(
            why="Each layer of a list is given what the one before returned, so only its input can be several tensors.",
            attempt=sequential_attempt,
            moment="construction",
            error="ValueError",
            says="should be called on a list of at least 1 input",
        )
    },
)
