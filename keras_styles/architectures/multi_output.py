"""Two outputs from one hidden layer, each with a loss and a weight of its own, in the styles that can have them."""

from typing import Any

from keras_styles.architectures import Architecture, Inexpressible
from keras_styles.problems import Array
from keras_styles.runtime import keras

layers = keras.layers

HIDDEN_UNITS = 4


def whole_and_part(y: Array) -> dict[str, Array]:
    """Ask one output for the target, and the other for its half."""
    return {"whole": y, "part": y / 2}


def sequential_attempt() -> None:
    """A list has one end; the only layers of Keras with several outputs are recurrent ones that return their state."""
    keras.Sequential([keras.Input(shape=(2, 1)), layers.GRU(1, return_state=True), layers.Dense(1)])


def functional(features: int) -> Any:
    """Layers called on a symbolic input; outputs by name."""
    inputs = keras.Input(shape=(features,))
    hidden = layers.Dense(HIDDEN_UNITS, activation="tanh", name="hidden_layer")(inputs)
    whole = layers.Dense(1, name="whole")(hidden)
    part = layers.Dense(1, name="part")(hidden)
    return keras.Model(inputs, {"whole": whole, "part": part})


@keras.saving.register_keras_serializable(package="keras_styles")
class MultiOutput(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A class whose `call` returns outputs by name; from a list, Keras would not know which loss is whose."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden_layer = layers.Dense(HIDDEN_UNITS, activation="tanh", name="hidden_layer")
        self.whole = layers.Dense(1, name="whole")
        # Not `half`: on torch a Keras layer is a torch.nn.Module, whose method of that name would be called instead.
        self.part = layers.Dense(1, name="part")

    def call(self, x: Any) -> Any:
        """Return two predictions of shape (samples, 1) for x of shape (samples, features)."""
        hidden = self.hidden_layer(x)
        return {"whole": self.whole(hidden), "part": self.part(hidden)}


def subclassing(features: int) -> Any:
    """An instance of the class, called once: until then it has no variables."""
    model = MultiOutput()
    model(keras.ops.zeros((1, features)))
    return model


ARCHITECTURE = Architecture(
    name="multi_output",
    builders={"functional": functional, "subclassing": subclassing},
    inexpressible={
        "sequential": Inexpressible(
            why="Each layer of a list is given what the one before returned, and the last one returns for all.",
            attempt=sequential_attempt,
            moment="construction",
            error="ValueError",
            says="expects 1 input(s), but it received 2",
        )
    },
    targets=whole_and_part,
    losses={"whole": "mse", "part": "mae"},
    loss_weights={"whole": 1.0, "part": 0.5},
)
