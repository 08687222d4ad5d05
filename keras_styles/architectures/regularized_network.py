"""A network of everything that behaves otherwise in training: regularizers, dropout, batch normalization."""

from typing import Any

from keras_styles.architectures import Architecture
from keras_styles.runtime import keras

layers = keras.layers

HIDDEN_UNITS = 4
DROPPED = 0.25
PENALTY = 0.01


def hidden_layer() -> Any:
    """Return the layer whose weights and activities are penalized."""
    return layers.Dense(
        HIDDEN_UNITS,
        activation="relu",
        kernel_regularizer=keras.regularizers.L1L2(PENALTY, PENALTY),
        bias_regularizer=keras.regularizers.L2(PENALTY),
        activity_regularizer=keras.regularizers.L1(PENALTY),
        name="hidden_layer",
    )


def sequential(features: int) -> Any:
    """A list of layers."""
    return keras.Sequential(
        [
            keras.Input(shape=(features,)),
            hidden_layer(),
            layers.BatchNormalization(name="normalization"),
            layers.Dropout(DROPPED, name="dropout"),
            layers.Dense(1, name="output_layer"),
        ]
    )


def functional(features: int) -> Any:
    """Layers called on a symbolic input."""
    inputs = keras.Input(shape=(features,))
    hidden = hidden_layer()(inputs)
    normal = layers.BatchNormalization(name="normalization")(hidden)
    dropped = layers.Dropout(DROPPED, name="dropout")(normal)
    output = layers.Dense(1, name="output_layer")(dropped)
    return keras.Model(inputs, output)


@keras.saving.register_keras_serializable(package="keras_styles")
class RegularizedNetwork(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A class that forwards `training` by hand to the layers that heed it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden_layer = hidden_layer()
        self.normalization = layers.BatchNormalization(name="normalization")
        self.dropout = layers.Dropout(DROPPED, name="dropout")
        self.output_layer = layers.Dense(1, name="output_layer")

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Return the prediction of shape (samples, 1) for x of shape (samples, features)."""
        normal = self.normalization(self.hidden_layer(x), training=training)
        return self.output_layer(self.dropout(normal, training=training))


def subclassing(features: int) -> Any:
    """An instance of the class, called once: until then it has no variables."""
    model = RegularizedNetwork()
    model(keras.ops.zeros((1, features)))
    return model


ARCHITECTURE = Architecture(
    name="regularized_network",
    builders={"sequential": sequential, "functional": functional, "subclassing": subclassing},
)
