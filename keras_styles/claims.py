"""Claims: what the seed text says of the three styles and how it writes them, and how that stands with today's Keras.

The seed is `keras_subclassing_api`, a chapter of a Korean tutorial on deep learning; its sentences are given here in
English. `equivalence/test_claims.py` has a test of the same name for each claim, which shows its verdict, and one for
each piece of the seed's code.
"""

from dataclasses import dataclass
from typing import Final, Literal

ClaimVerdict = Literal["holds", "holds with a reservation", "no longer holds"]


@dataclass(frozen=True)
class Claim:
    """One statement of the seed.

    Attributes:
        name: of the claim, and of the test that shows its verdict.
        says: the statement.
        verdict: how it stands.
        reservation: what it leaves out, if anything.
        keras: the version with which that was seen.
    """

    name: str
    says: str
    verdict: ClaimVerdict
    reservation: str = ""
    keras: str = "3.15.1"


CLAIMS: Final = (
    Claim(
        "sequential_is_simplest_for_stacks",
        "Sequential stacks layers, and is easy and simple to use.",
        "holds",
    ),
    Claim(
        "sequential_has_no_several_inputs",
        "Sequential is not suited to models with several inputs.",
        "holds with a reservation",
        "One that begins with a layer which merges its inputs takes several, as long as it is built by its first call.",
    ),
    Claim(
        "sequential_has_no_several_outputs",
        "Sequential is not suited to models with several outputs.",
        "holds with a reservation",
        "Its last layer may return several, as a recurrent one that returns its state; no two layers can be its ends.",
    ),
    Claim(
        "sequential_does_not_connect_layers",
        "Sequential is not suited to models that concatenate or add what layers return.",
        "holds with a reservation",
        "A layer of one's own may hold the connection inside; then the list is of such layers.",
    ),
    Claim(
        "functional_needs_an_input_with_its_shape",
        "Functional needs an input layer in front that says the shape of the input.",
        "holds with a reservation",
        "Dimensions that no layer makes weights of may stay open, such as the number of steps of a series.",
    ),
    Claim(
        "functional_expresses_most_models",
        "Most models of deep learning can be written with the Functional API.",
        "holds",
    ),
    Claim(
        "functional_is_a_graph_without_recursion",
        "Functional takes a model for a directed acyclic graph; recursive networks and tree RNNs are out of its reach.",
        "holds with a reservation",
        "The graph may hold a layer that recurses inside, and a tree of at most so many nodes can be drawn out node by "
        "node; what the graph itself cannot have is a depth that depends on the data.",
    ),
    Claim(
        "subclassing_expresses_what_functional_cannot",
        "Subclassing can express models that the Functional API cannot.",
        "holds",
    ),
    Claim(
        "subclassing_asks_the_most",
        "Subclassing asks the most of the programmer.",
        "holds",
    ),
)


@dataclass(frozen=True)
class Written:
    """A piece of the seed's code.

    Attributes:
        name: of the piece, and of the test that runs it.
        code: as the seed has it.
        today: what becomes of it.
        mend: the smallest change that makes it work; empty where it does.
    """

    name: str
    code: str
    today: str
    mend: str = ""


SEED_CODE: Final = (
    Written(
        "init_without_keywords",
        "def __init__(self): super(LinearRegression, self).__init__()",
        "trains and saves; the saved file cannot be loaded, since Keras hands `trainable` and `dtype` to `__init__`",
        "def __init__(self, **kwargs): super().__init__(**kwargs)",
    ),
    Written(
        "input_dim_on_a_layer",
        "Dense(1, input_dim=1, activation='linear')",
        "warns, and in a class builds nothing: there are no weights before the first call",
        "Dense(1), and call the model once",
    ),
    Written(
        "functional_model",
        "inputs = Input(shape=(1,)); output = Dense(1, activation='linear')(inputs); Model(inputs, output)",
        "works",
    ),
    Written(
        "learning_rate_as_lr",
        "optimizers.SGD(lr=0.01)",
        "ValueError: the argument is not recognized",
        "optimizers.SGD(learning_rate=0.01)",
    ),
    Written(
        "one_dimensional_arrays",
        "model.fit(X, y, epochs=300), of arrays of shape (samples,)",
        "works with Functional, which adds the missing axis; ValueError with the class",
        "X[:, None]",
    ),
)
