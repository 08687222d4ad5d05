"""Workloads: what is timed, by name and size, and what one process says about them; imports no engine."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, get_args

from pydantic import AwareDatetime, Field, NonNegativeInt, PositiveInt

from keras_styles.environment import Environment
from keras_styles.problems import Array, ExpressionProblem, LinearProblem
from keras_styles.schema import Schema
from keras_styles.styles import STYLES

# A change of what is timed makes old and new numbers incomparable, so it changes this number too.
WORKLOAD_VERSION: Final = 2

Phase = Literal[
    "build",
    "compile",
    "first_step",
    "retrace",
    "fit",
    "fit_epochs",
    "fit_call",
    "predict",
    "predict_call",
    "call",
    "save",
    "load",
]
PHASES: Final[tuple[Phase, ...]] = get_args(Phase)

# What happens once in a model's life, timed in this order on new models; everything else, on models that have done it.
COLD_PHASES: Final[tuple[Phase, ...]] = PHASES[: PHASES.index("fit")]
# What takes another time for another batch size; one `predict_call` is one sample, whatever the batches are.
BATCH_PHASES: Final[tuple[Phase, ...]] = ("fit", "predict", "call")

# Beside the styles, in every round: the functional style once more, byte for byte, which must come out as no
# different; the same arithmetic in the engine's own words; and in NumPy.
TWIN: Final = "twin"
FLOOR: Final = "floor"
NUMPY: Final = "numpy"
CONTENDERS: Final = (*STYLES, TWIN, FLOOR, NUMPY)

ARCHITECTURES: Final = ("linear_regression", "multilayer_network", "deep_stack", "multi_input", "tree_rnn")
# Of which growth with batch and width is measured. Fifty layers are compiled anew by jax for each further size, which
# would take as long as all else; a tree has no width.
BATCHED: Final = ("linear_regression", "multilayer_network", "multi_input", "tree_rnn")
WIDENED: Final = ("linear_regression", "multilayer_network", "multi_input")

BATCH_SIZE: Final = 32
WIDTH: Final = 8
# `fit` is one epoch of so many steps, `fit_epochs` so many epochs of one step, `fit_call` one epoch of one step: what a
# step, an epoch and a call take by themselves follows from their differences.
STEPS: Final = 16
EPOCHS: Final = 5


class Workload(Schema):
    """Something to time in every style."""

    architecture: str
    phase: Phase
    batch_size: PositiveInt = BATCH_SIZE
    width: PositiveInt = Field(default=WIDTH, description="features of the input; hidden layers of deep_stack too")

    def __str__(self) -> str:
        return f"{self.architecture} {self.phase} batch {self.batch_size} width {self.width}"


# Thirty years at most: what is longer is no time, and does not fit into NumPy's integers.
Nanoseconds = Annotated[int, Field(gt=0, le=10**18)]

# With these words begins why a workload has no times: its styles did not compute the same, or Keras cannot train it.
NOT_EQUAL: Final = "not equal: "
UNTRAINABLE: Final = "untrainable: "
# Likewise if its process ended; why it did follows.
LOST: Final = "its process ended"


class MeasuredWorkload(Schema):
    """The rounds of one workload in one process, or why there are none."""

    workload: Workload
    nanoseconds: dict[str, list[Nanoseconds]] = Field(
        default={}, description="by contender; the i-th of each were taken in the same round"
    )
    why_not: str | None = Field(default=None, description="why nothing was timed: not equal, out of memory, ...")

    @property
    def is_unequal(self) -> bool:
        """Whether its styles did not compute the same."""
        return (self.why_not or "").startswith(NOT_EQUAL)

    @property
    def error(self) -> str | None:
        """The kind of what went wrong, such as the name of an exception; None where nothing was tried, or for long."""
        kind, colon, _ = (self.why_not or "").partition(": ")
        return kind if colon and not self.is_unequal and kind != LOST else None

    @property
    def is_untrainable(self) -> bool:
        """Whether Keras cannot train it on this engine, so that there is nothing to time."""
        return (self.why_not or "").startswith(UNTRAINABLE)


class Counters(Schema):
    """What a style does, counted, in one epoch of training; exact, so that any change is one. None: not countable."""

    variables: NonNegativeInt
    traces: NonNegativeInt = Field(description="how often Python ran a training step in a fit of several steps")
    retraces: NonNegativeInt = Field(description="how often it did so again for a second shape")
    python_calls: NonNegativeInt = Field(description="how often Python ran the model's own `call` in that fit")
    layer_calls: NonNegativeInt = Field(description="how often Python called a layer, the model included, in that fit")
    forward_ops: NonNegativeInt | None = Field(description="operations of a forward pass, in its graph or dispatched")
    step_ops: NonNegativeInt | None = Field(description="likewise of a training step")
    dataset_iterators: NonNegativeInt | None = Field(description="iterators over data that the fit made")


class ProcessRecord(Schema):
    """What one process measured; the sampling unit of every statement about time."""

    number: int = Field(description="its place in the order of the run, from 0")
    created: AwareDatetime
    environment: Environment
    workload_version: int = WORKLOAD_VERSION
    measuring_code: str | None = Field(default=None, description="digest of the code that measures; older: unknown")
    pulse_nanoseconds: list[Nanoseconds] = Field(
        description="how long the same small NumPy computation took, before each workload: what drift is read from"
    )
    measured: list[MeasuredWorkload]
    counters: dict[str, dict[str, Counters]] = Field(default={}, description="by architecture and style")


# How a process measures, beside the environment that it measured in: fields of its record.
HOW_MEASURED: Final = ("workload_version", "measuring_code")


def cells_of(architectures: Iterable[str], phases: Sequence[Phase] = PHASES) -> list[Workload]:
    """Return the workloads of some phases at the usual size, architecture by architecture."""
    return [Workload(architecture=name, phase=phase) for name in architectures for phase in phases]


def default_plan() -> list[Workload]:
    """Return what `pytest bench/` and the gate measure by default: every phase of the two smallest architectures."""
    return cells_of(ARCHITECTURES[:2])


def plan_of(architectures: Sequence[str] | None) -> list[Workload]:
    """Return every phase of the architectures that were asked for, or of those that are measured by default."""
    return cells_of(architectures) if architectures else default_plan()


def full_plan() -> list[Workload]:
    """Return all there is to measure: each phase of each architecture, and how cost grows with batch and width."""
    batches = [
        Workload(architecture=name, phase=phase, batch_size=size)
        for name in BATCHED
        for phase in BATCH_PHASES
        for size in (1, 1024)
    ]
    widths = [Workload(architecture=name, phase=phase, width=1024) for name in WIDENED for phase in BATCH_PHASES]
    return cells_of(ARCHITECTURES) + batches + widths


@dataclass(frozen=True)
class Profile:
    """How much one run of the benchmark measures.

    Attributes:
        plan: what is measured, in order.
        processes: how many fresh processes measure it.
    """

    plan: Callable[[], list[Workload]]
    processes: int


# Three processes show what costs a lot; twelve are the fewest whose intervals were worth publishing.
PROFILES: Final[dict[str, Profile]] = {"default": Profile(default_plan, 3), "full": Profile(full_plan, 12)}

# Of each phase in each process: one round at least, further ones while they take less than this for each contender.
# More rounds say more about one process, and what is sampled is processes.
MIN_ROUNDS: Final = 1
MAX_SECONDS: Final = 0.04
# Of the gate, which compares one process with one that it takes turns with, so that they differ mostly by what single
# rounds met: a machine that others share is slower for parts of a second, too. In ten pairs of unchanged code thirty
# builds instead of one made it 2 % instead of 14, and four first steps instead of one 3 % instead of 5.
GATE_ROUNDS: Final = 6
GATE_SECONDS: Final = 0.25
# Of these each takes a third of a second in every style.
GATE_LIVES: Final = 4


def table_of(architecture: str, width: int, samples: int) -> tuple[Array, Array]:
    """Return the data that an architecture is timed and counted on: x of shape (samples, features), y (samples, 1).

    A tree has nodes instead of features, of which expressions with two operations have five.
    """
    if architecture == "tree_rnn":
        return ExpressionProblem(samples=samples, operations=2).arrays()
    return LinearProblem(weights=(1.0,) * width, bias=1.0, samples=samples, noise=0.1).arrays()
