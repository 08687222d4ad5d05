"""A dense layer whose model has a `train_step` of its own, which halves the targets, in the three styles."""

from typing import Any

from keras_styles.architectures import Architecture
from keras_styles.runtime import keras

layers = keras.layers


class HalvesTargets:
    """A training step that any model can have: it halves the targets, and leaves the rest to Keras.

    On jax a step is given the state before the data and returns a new one; on the other engines it is given the data.
    """

    def train_step(self, *arguments: Any) -> Any:
        """Train on a batch whose targets are halved."""
        *state, data = arguments
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        return super().train_step(*state, (x, y / 2, weights))  # type: ignore[misc]  # that of the model beside it


@keras.saving.register_keras_serializable(package="keras_styles")
class SequentialOfHalves(HalvesTargets, keras.Sequential):  # type: ignore[misc]  # Keras has no type information
    """A list of layers with the step."""


@keras.saving.register_keras_serializable(package="keras_styles")
class FunctionalOfHalves(HalvesTargets, keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A graph with the step."""


@keras.saving.register_keras_serializable(package="keras_styles")
class SubclassOfHalves(HalvesTargets, keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A class with the step and its arithmetic in `call`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_layer = layers.Dense(1, name="output_layer")

    def call(self, x: Any) -> Any:
        """Return the prediction of shape (samples, 1) for x of shape (samples, features)."""
        return self.output_layer(x)


def sequential(features: int) -> Any:
    """A subclass of `Sequential`, given a list of layers."""
    return SequentialOfHalves([keras.Input(shape=(features,)), layers.Dense(1, name="output_layer")])


def functional(features: int) -> Any:
    """A subclass of `Model`, given inputs and outputs."""
    inputs = keras.Input(shape=(features,))
    return FunctionalOfHalves(inputs, layers.Dense(1, name="output_layer")(inputs))


def subclassing(features: int) -> Any:
    """An instance of the class, called once: until then it has no variables."""
    model = SubclassOfHalves()
    model(keras.ops.zeros((1, features)))
    return model


ARCHITECTURE = Architecture(
    name="custom_train_step",
    builders={"sequential": sequential, "functional": functional, "subclassing": subclassing},
)
