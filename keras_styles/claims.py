"""Claims: what the seed text says of the three styles, and how that stands with today's Keras.

The seed is `keras_subclassing_api`, a chapter of a Korean tutorial on deep learning; its sentences are given here in
English. `equivalence/test_claims.py` has a test of the same name for each claim, which shows its verdict.
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
