"""A residual connection, what a layer was given added to what it returned, in the styles that can have one."""

from typing import Any

from keras_styles.architectures import Architecture, Inexpressible
from keras_styles.runtime import keras

layers = keras.layers


def sequential_attempt() -> None:
    """In a list `Add` is given what the layer before returned, and not what that layer was given."""
    keras.Sequential([keras.Input(shape=(2,)), layers.Dense(2, activation="tanh"), layers.Add(), layers.Dense(1)])


def functional(features: int) -> Any:
    """Layers called on a symbolic input, which is used twice."""
    inputs = keras.Input(shape=(features,))
    change = layers.Dense(features, activation="tanh", name="change")(inputs)
    changed = layers.Add(name="changed")([inputs, change])
    return keras.Model(inputs, layers.Dense(1, name="output_layer")(changed))


@keras.saving.register_keras_serializable(package="keras_styles")
class ResidualAdd(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A class that has to be told how wide its input is, and therefore to say so when it is saved."""

    def __init__(self, features: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features = features
        self.change = layers.Dense(features, activation="tanh", name="change")
        self.changed = layers.Add(name="changed")
        self.output_layer = layers.Dense(1, name="output_layer")

    def call(self, x: Any) -> Any:
        """Return the prediction of shape (samples, 1) for x of shape (samples, features)."""
        return self.output_layer(self.changed([x, self.change(x)]))

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        return {**super().get_config(), "features": self.features}


def subclassing(features: int) -> Any:
    """An instance of the class, called once: until then it has no variables."""
    model = ResidualAdd(features)
    model(keras.ops.zeros((1, features)))
    return model


ARCHITECTURE = Architecture(
    name="residual_add",
    builders={"functional": functional, "subclassing": subclassing},
    inexpressible={
        "sequential": Inexpressible(
            why="A list has no place for a connection that goes past a layer.",
            attempt=sequential_attempt,
            moment="construction",
            error="ValueError",
            says="should be called on a list of inputs",
        )
    },
)
