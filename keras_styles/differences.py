"""The ledger: each known difference between the styles, what every style does, and whether a probe still sees it.

`differences.yaml` is the ledger, `probes/` holds one script for each entry. This module reads both and judges what a
probe saw; it imports no engine.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

import yaml
from annotated_types import MinLen
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from pydantic import AfterValidator, Field, ValidationError, model_validator

from keras_styles.errors import KerasStylesError
from keras_styles.schema import Schema
from keras_styles.styles import STYLES

Engine = Literal["tensorflow", "jax", "torch"]
Category = Literal[
    "training flag",
    "inputs",
    "outputs and losses",
    "build state",
    "weights",
    "save and load",
    "export",
    "randomness",
    "execution",
    "masking",
    "interface",
]
# high: other numbers, or lost work, without an exception when it happens. medium: an exception or a warning where
# another style has none. low: a surprise that changes no number and stops nobody.
Severity = Literal["high", "medium", "low"]
Kind = Literal["equal", "silent difference", "warning", "error"]
Verdict = Literal["holds", "changed", "not claimed", "crashed", "timed out"]

# What makes a run of the probes fail. What is not claimed is no failure: a version or an engine that nobody has tried.
LOST_OR_CHANGED: Final[tuple[Verdict, ...]] = ("changed", "crashed", "timed out")

PROBES: Final = Path(str(resources.files("keras_styles").joinpath("probes")))
# The one in C takes a tenth of the time; not every build of PyYAML has it.
_YamlLoader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LEDGER: Final = Path(str(resources.files("keras_styles").joinpath("differences.yaml")))


class LedgerError(KerasStylesError, ValueError):
    """A ledger that cannot be read, or a difference that is not in it."""


class Outcome(Schema):
    """What one style did: it returned a value, perhaps with warnings, or raised.

    In the ledger a bare value stands for an outcome with nothing else. There, `warning` and `says` are excerpts of
    what was observed.

    Attributes:
        value: what a probe's function returned; None where it raised.
        warning: what Keras warned of, or an excerpt.
        error: name of the exception's class.
        says: its message, or an excerpt.
    """

    value: bool | int | float | str | list[Any] | None = None
    warning: str | None = None
    error: str | None = None
    says: str = ""

    @model_validator(mode="before")
    @classmethod
    def _from_value(cls, given: Any) -> Any:
        return given if isinstance(given, Mapping | Outcome) else {"value": given}

    def fits(self, seen: "Outcome") -> bool:
        """Say whether something seen is what this outcome of the ledger describes."""
        if self.error is not None:
            return seen.error == self.error and self.says in seen.says
        if (self.warning is None) != (seen.warning is None) or (self.warning or "") not in (seen.warning or ""):
            return False
        # True is 1 for Python, and "it is built" is no count.
        return seen.error is None and type(self.value) is type(seen.value) and self.value == seen.value

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.error}: {self.says}" if self.says else self.error
        return f"{self.value!r}" + (f", with the warning {self.warning!r}" if self.warning else "")


def _specifier(text: str) -> str:
    try:
        SpecifierSet(text)
    except InvalidSpecifier as error:
        raise ValueError(f"{text!r} is no range of versions such as '>=3.12,<3.16'") from error
    return text


def _style_names(styles: dict[str, Outcome]) -> dict[str, Outcome]:
    for name in styles:
        if style_of(name) is None:
            raise ValueError(f"{name!r} does not begin with one of {', '.join(STYLES)}")
    return styles


class Observation(Schema):
    """What the styles do on some engines and versions.

    Attributes:
        styles: outcomes by style, or by a style and what is special about it, as in `sequential_deferred`.
        engines: on which it was seen.
        keras: versions of Keras for which it is claimed.
    """

    styles: Annotated[dict[str, Outcome], MinLen(2), AfterValidator(_style_names)]
    engines: Annotated[tuple[Engine, ...], MinLen(1)] = get_args(Engine)
    keras: Annotated[str, AfterValidator(_specifier)] = "==3.15.*"

    def covers(self, engine: str, keras: str) -> bool:
        """Say whether it is about an engine and a version of Keras."""
        return engine in self.engines and SpecifierSet(self.keras).contains(keras, prereleases=True)


class Difference(Schema):
    """One entry of the ledger.

    Attributes:
        id: stable; a letter for the category and a number.
        title: what differs, in a sentence that a search would find.
        expected: what one would expect of every style; what a style does is judged against it.
        seen: what the styles do, by engine and version; no two are about the same.
        confounders: what else could look like this, and why it is not.
        history: since when, until when, and by what evidence; what was not run here is said to be reported.
        references: threads upstream, as in keras-team/keras#20285, or addresses.
        instead: what to write to be safe.
    """

    id: Annotated[str, Field(pattern=r"^[A-Z]-\d\d$")]
    title: str
    category: Category
    severity: Severity
    expected: Outcome
    seen: Annotated[tuple[Observation, ...], MinLen(1)]
    confounders: str
    instead: str
    history: str = ""
    references: tuple[Annotated[str, Field(pattern=r"^([\w.-]+/[\w.-]+#\d+|https://\S+)$")], ...] = ()

    def observation(self, engine: str, keras: str) -> Observation | None:
        """Return what is claimed for an engine and a version of Keras, or None."""
        return next((seen for seen in self.seen if seen.covers(engine, keras)), None)

    def kind(self, outcome: Outcome) -> Kind:
        """Say what an outcome is, measured by what one would expect of every style."""
        expected = self.expected
        as_expected = outcome.error == expected.error and outcome.value == expected.value
        if as_expected and outcome.warning is None:
            return "equal"
        if outcome.error is not None:
            return "error"
        return "silent difference" if outcome.warning is None else "warning"

    @property
    def probe(self) -> Path:
        """The script that shows it."""
        return PROBES / f"{self.id.lower().replace('-', '_')}.py"

    def judge(self, outcomes: Mapping[str, Outcome], engine: str, keras: str) -> tuple[Verdict, str]:
        """Return the verdict on what a probe saw, and a sentence if it does not hold."""
        claimed = self.observation(engine, keras)
        if claimed is None:
            return "not claimed", f"The ledger does not say what {self.id} is on {engine} with Keras {keras}."
        if set(claimed.styles) != set(outcomes):
            return "changed", (
                f"The probe of {self.id} is about {', '.join(sorted(outcomes))}, "
                f"its entry about {', '.join(sorted(claimed.styles))}."
            )
        changed = [
            f"{style}: the ledger says {outcome}, the probe saw {outcomes[style]}"
            for style, outcome in claimed.styles.items()
            if not outcome.fits(outcomes[style])
        ]
        if changed:
            where = f"on {engine} with Keras {keras}"
            return "changed", f"Keras changed: {self.id} ({self.title}) is another {where}. " + "; ".join(changed) + "."
        return "holds", ""


def style_of(name: str) -> str | None:
    """Return the style that an outcome's name begins with, or None."""
    return next((style for style in STYLES if name == style or name.startswith(f"{style}_")), None)


@cache
def ledger() -> tuple[Difference, ...]:
    """Return this project's ledger, in its order."""
    return read_ledger(LEDGER)


def find(identifier: str) -> Difference:
    """Return an entry by its id, in upper or lower case.

    Raises:
        LedgerError: if there is none.
    """
    for difference in ledger():
        if difference.id == identifier.upper():
            return difference
    raise LedgerError(f"There is no difference {identifier!r}; `keras-styles differences` lists them.")


def read_ledger(path: Path) -> tuple[Difference, ...]:
    """Read a ledger.

    Raises:
        LedgerError: if it cannot be read, or an entry is malformed; the message names line and field.
    """
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=_YamlLoader)
        entries = yaml.load(text, Loader=_YamlLoader)
    except OSError as error:
        raise LedgerError(f"The ledger {path} cannot be read ({error.strerror}); check its path.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise LedgerError(f"The ledger {path} is no YAML in line {line} ({error.problem}); mend that line.") from error
    if node is None or not isinstance(entries, list):
        raise LedgerError(f"The ledger {path} is no list of entries; begin each with '- id:'.")
    for line, key in _repeated_keys(node):
        raise LedgerError(f"The ledger {path} has {key!r} twice in one entry, in line {line}; drop one of them.")
    differences: list[Difference] = []
    for number, entry in enumerate(entries):
        try:
            difference = Difference.model_validate(entry)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"])) or "the entry"
            line = _line(node, [number, *first["loc"]])
            raise LedgerError(f"The ledger {path} is malformed in line {line}, {field}: {first['msg']}.") from error
        if any(other.id == difference.id for other in differences):
            line = _line(node, [number, "id"])
            raise LedgerError(
                f"The ledger {path} has {difference.id} a second time in line {line}; give it another id."
            )
        differences.append(difference)
    return tuple(differences)


def _line(node: yaml.Node, location: list[Any]) -> int:
    """Return the line, from 1, of the deepest part of a location that is in the file."""
    for part in location:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
        elif isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == part), node)
    return int(node.start_mark.line) + 1


def _repeated_keys(node: yaml.Node) -> Iterator[tuple[int, str]]:
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                yield key.start_mark.line + 1, key.value
            seen.add(key.value)
            yield from _repeated_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _repeated_keys(value)
