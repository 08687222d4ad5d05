"""Reproduction: a failing case as a folder, with its weights after every step and a script that shows it by itself."""

import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, ValidationError, model_validator

from keras_styles.builder_source import NoSourceError
from keras_styles.comparison import REFERENCE, Comparison, Verdict, compare_tier, expected, failures
from keras_styles.environment import Environment
from keras_styles.errors import KerasStylesError
from keras_styles.explanation import explain
from keras_styles.problems import Problem
from keras_styles.recipes import Recipe
from keras_styles.records import draft_of, slug
from keras_styles.reference import BIAS, KERNEL
from keras_styles.schema import Schema
from keras_styles.script import render_script
from keras_styles.training_record import Record

if TYPE_CHECKING:
    from keras_styles.architectures import Architecture
    from keras_styles.training import Trainer

FAILURES = "failures"
CASE, WEIGHTS, MESSAGE, SCRIPT = "case.json", "weights.npz", "message.txt", "reproduce.py"

Symptom = Literal["diverged", "other structure", "other bits", "outside the bound"]


class CaseFolderError(KerasStylesError):
    """A folder that holds no failing case, or not a whole one."""


class _Schema(Schema):
    # The numbers of a diverged training need not be finite.
    model_config = ConfigDict(ser_json_inf_nan="strings")


class Finding(_Schema):
    """One comparison that failed: the symptom, and where in the training it showed."""

    symptom: Symptom
    stage: str
    where: str = Field(description="the variable, as layer/variable, or the quantity, and when")
    epoch: int | None = Field(description="counted from 1; None before or after the training")
    batch: int | None = Field(description="counted from 0 within its epoch; None at its end")
    reason: str = Field(description="what is wrong in words; empty where numbers were compared")
    index: list[int] | None
    observed: list[float] | None = Field(description="of the left side, of the right side")
    difference: float | None
    allowed: float | None
    ulps: int | None
    dtype: str | None


class Side(_Schema):
    """One training that took part."""

    style: str
    problem: str
    recipe: str = Field(description="the recipe that it is held to")
    trained_with: str = Field(description="the recipe that it was trained with, the same one unless somebody erred")
    weights_were_given: bool
    environment: Environment
    data: str | None = Field(default=None, description="digest of x and y; None in folders from before it was kept")


class KeptCase(_Schema):
    """A failing case as `case.json` holds it."""

    kind: Literal["failure"] = "failure"
    schema_version: Literal[1] = 1
    architecture: str
    tier: int
    left: str
    right: str
    sides: dict[str, Side] = Field(description="by name, the left one at least; the reference is none")
    found: Finding
    first: Finding | None = Field(description="where it begins with a look after every step, if it shows then")
    notes: list[str]

    @model_validator(mode="after")
    def _has_its_sides(self) -> "KeptCase":
        if self.left not in self.sides or not self.sides.keys() <= {self.left, self.right}:
            raise ValueError(f"the sides are {', '.join(self.sides)}, not {self.left} and {self.right}")
        return self


@dataclass(frozen=True)
class Failure:
    """A failing case while the process lives that found it: all it takes to keep it.

    Attributes:
        comparisons: of the case, at least one of which failed.
        records: that took part, by name.
        architecture: that built their models.
        train_again: trains what a name stands for anew, with a look after every step. The recipe of the record it
            returns is taken for what was done, that of the record in `records` for what was promised.
    """

    comparisons: Sequence[Comparison]
    records: Mapping[str, Record]
    architecture: "Architecture"
    train_again: Callable[[str], Record]

    @classmethod
    def by(cls, trainer: "Trainer", comparisons: Sequence[Comparison], records: Mapping[str, Record]) -> "Failure":
        """Return the failure of records that a trainer made as their recipes say."""

        def train_again(name: str) -> Record:
            return trainer.train_again(records[name], every_step=True)

        return cls(comparisons, records, trainer.architecture, train_again)


@dataclass(frozen=True)
class Steps:
    """A failing case trained again with a look after every step.

    Attributes:
        found: the failure as it was before.
        first: where the same pair parts, if it does.
        done: the records by name, with the recipes that they were trained with.
        promised: the same with those that they are held to.
    """

    found: Comparison
    first: Comparison | None
    done: Mapping[str, Record]
    promised: Mapping[str, Record]


def retrace(failure: Failure) -> Steps:
    """Train both sides of a failure again with a look after every step, and find where they part."""
    found = failures(list(failure.comparisons))[0]
    names = [name for name in (found.left, found.right) if name in failure.records]
    done = {name: failure.train_again(name) for name in names}
    promised = {
        name: replace(record, problem=failure.records[name].problem, recipe=failure.records[name].recipe)
        for name, record in done.items()
    }
    return Steps(found, first_divergence(found, promised), done, promised)


def first_divergence(found: Comparison, steps: Mapping[str, Record]) -> Comparison | None:
    """Return the first failure of the same pair with a look after every step, or None if there is none."""
    pair = found.tier, found.left, found.right
    failed = failures([c for c in compare_tier(found.tier, steps) if (c.tier, c.left, c.right) == pair])
    if not failed:
        return None
    if failed[0].stage != "training":
        return failed[0]
    return min(_not_finite(failed[0], steps), key=lambda comparison: comparison.moment, default=failed[0])


def _not_finite(found: Comparison, steps: Mapping[str, Record]) -> list[Comparison]:
    """Return for each side the first weight that is not a finite number."""
    firsts = []
    for name, record in steps.items():
        places = (
            replace(
                found,
                stage="weights",
                where=f"{variable} after {snapshot.when}",
                reason=f"{name} is infinite or not a number there",
                moment=(snapshot.epoch, np.inf if snapshot.batch is None else snapshot.batch),
            )
            for snapshot in record.snapshots
            for variable, value in snapshot.weights.items()
            if not np.isfinite(np.asarray(value, dtype=np.float64)).all()
        )
        firsts += [place for place in [next(places, None)] if place is not None]
    return firsts


def explain_and_keep(failure: Failure, results: Path) -> str:
    """Keep a failing case and return the text of the failure; one that cannot be kept is explained all the same."""
    steps, kept, remarks = None, "", []
    try:
        steps = retrace(failure)
        remarks = _remarks(steps, failure.records)
        folder, more = keep(failure, steps, results, remarks)
        kept, remarks = str(folder), [*remarks, *more]
    except Exception as error:  # whatever it is, it must not stand in the place of the failure
        remarks.append(f"the case could not be kept: {type(error).__name__}: {error}")
    return explain(failure.comparisons, failure.records, steps.first if steps else None, kept, remarks)


def kept_script(text: str) -> str | None:
    """Return the stand-alone script of the case that the text of a failure names; None if none was kept."""
    found = re.search(r"^  kept in +(\S.*)$", text, re.MULTILINE)
    path = Path(found[1]) / SCRIPT if found else None
    return path.read_text(encoding="utf-8") if path and path.is_file() else None


def _remarks(steps: Steps, records: Mapping[str, Record]) -> list[str]:
    """Say what it means if a case agrees with a look after every step."""
    if steps.first is not None:
        return []
    if steps.found.stage == "history":
        return ["with a look after every step the weights agree: suspect what reports the losses and metrics"]
    pair = [records[name] for name in steps.done]
    if any(r.recipe.repeats_its_batches or r.ran_as["steps_per_execution"] > 1 for r in pair):
        return ["with a look after every step it agrees: suspect what runs several steps at once"]
    return ["trained once more it agrees: suspect something that is not the same each time"]


def keep(failure: Failure, steps: Steps, results: Path, remarks: Sequence[str] = ()) -> tuple[Path, list[str]]:
    """Write the folder of a failing case.

    It is named by what was trained and what came out, so the same case found again is written over itself, and
    nothing else ever is.

    Returns:
        The folder, and what there is to say about it.

    Raises:
        OSError: if it cannot be written.
    """
    found, notes = steps.found, []
    try:
        script = render_script(found, steps.first, steps.promised, steps.done, failure.architecture, _stride(steps))
    except NoSourceError as error:
        script = ""
        notes.append(f"there is no script of this case, since {error}")
    case = KeptCase(
        architecture=found.architecture,
        tier=found.tier,
        left=found.left,
        right=found.right,
        sides={name: _side(failure.records[name], record) for name, record in steps.done.items()},
        found=_finding(found),
        first=_finding(steps.first) if steps.first else None,
        notes=[*remarks, *notes],
    )
    arrays = arrays_of(steps)
    folder = results / FAILURES / f"{slug(found.architecture)}-{slug(found.stage)}-{_digest(case, arrays)}"
    folder.mkdir(parents=True, exist_ok=True)
    packed = io.BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **arrays)
    _write(folder / WEIGHTS, packed.getvalue())
    text = explain(failure.comparisons, failure.records, steps.first, str(folder), case.notes)
    _write(folder / MESSAGE, (text + "\n").encode())
    if script:
        _write(folder / SCRIPT, script.encode())
    _write(folder / CASE, (case.model_dump_json(indent=1) + "\n").encode())  # last: it makes the folder whole
    return folder, notes


@dataclass(frozen=True)
class Kept:
    """What the folder of a failing case holds: the case, the arrays of `weights.npz` by name, the failure's text."""

    folder: Path
    case: KeptCase
    arrays: Mapping[str, np.ndarray[Any, Any]]
    message: str

    @property
    def engine(self) -> str:
        """The engine that the case was found with."""
        return self.case.sides[self.case.left].environment.engine


def read(folder: Path) -> Kept:
    """Read the folder of a failing case.

    Raises:
        CaseFolderError: if it is none.
    """
    try:
        case = KeptCase.model_validate_json((folder / CASE).read_bytes())
        with np.load(folder / WEIGHTS, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        _check_arrays(case, arrays)
        return Kept(folder, case, arrays, (folder / MESSAGE).read_text(encoding="utf-8"))
    except OSError as error:
        raise CaseFolderError(
            f"{folder} is no folder of a failing case ({error.strerror or error}); give one that a failure names "
            "after `kept in`."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file as a whole"
        raise CaseFolderError(
            f"{folder / CASE} is corrupt or of another schema ({where}: {first['msg']}); run the test again that "
            "wrote it."
        ) from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CaseFolderError(f"{folder / WEIGHTS} is corrupt ({error}); run the test again that wrote it.") from error


def _check_arrays(case: KeptCase, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Check that there are the steps of each side, and its weights at all of them.

    Raises:
        ValueError: if not.
    """
    for name in case.sides:
        steps, weights, start = (f"{kind}/{name}" for kind in ("steps", "weights", "initial weights"))
        if steps not in arrays or arrays[steps].ndim != 2 or not len(arrays[steps]):
            raise ValueError(f"it lacks {steps}")
        variables = {key.removeprefix(f"{weights}/") for key in arrays if key.startswith(f"{weights}/")}
        for variable in variables:
            if len(arrays[f"{weights}/{variable}"]) != len(arrays[steps]) or f"{start}/{variable}" not in arrays:
                raise ValueError(f"it lacks a part of {variable} of {name}")


def _stride(steps: Steps) -> int:
    """Return how many steps the script takes at once: one if that shows the failure, else what the recipe says."""
    if steps.first is not None:
        return 1
    return max(record.recipe.steps_per_execution or 1 for record in steps.done.values())


def _side(promised: Record, done: Record) -> Side:
    return Side(
        style=done.style,
        problem=repr(done.problem),
        recipe=repr(promised.recipe),
        trained_with=repr(done.recipe),
        weights_were_given=done.weights_were_given,
        environment=done.environment,
        data=data_digest(done.problem, done.recipe),
    )


def data_digest(problem: Problem, recipe: Recipe) -> str:
    """Return a name for what a recipe trains on: x and y of the problem as its dtype has them."""
    digest = hashlib.sha256()
    for array in problem.arrays(recipe.variable_dtype):
        digest.update(f"{array.dtype} {array.shape} ".encode() + array.tobytes())
    return digest.hexdigest()


def _finding(comparison: Comparison) -> Finding:
    worst = comparison.worst
    epoch, batch = comparison.moment
    return Finding(
        symptom=_symptom(comparison),
        stage=comparison.stage,
        where=comparison.where,
        epoch=int(epoch) if 0 < epoch < np.inf else None,
        batch=int(batch) if 0 < epoch < np.inf and batch < np.inf else None,
        reason=comparison.reason,
        index=list(worst.index) if worst else None,
        observed=[worst.left, worst.right] if worst else None,
        difference=worst.difference if worst else None,
        allowed=worst.allowed if worst else None,
        ulps=worst.ulps if worst else None,
        dtype=worst.dtype if worst else None,
    )


def _symptom(comparison: Comparison) -> Symptom:
    if comparison.verdict is Verdict.DIVERGED:
        return "diverged"
    if comparison.worst is None:
        return "other structure"
    return "outside the bound" if comparison.tier else "other bits"


def arrays_of(steps: Steps) -> dict[str, np.ndarray[Any, Any]]:
    """Return the weights at the start and after each step, of each side, and what they should be within."""
    found: dict[str, np.ndarray[Any, Any]] = {}
    for name, record in steps.done.items():
        found[f"steps/{name}"] = np.array([(s.epoch, -1 if s.batch is None else s.batch) for s in record.snapshots])
        for variable, value in record.initial_weights.items():
            found[f"initial weights/{name}/{variable}"] = value
            found[f"weights/{name}/{variable}"] = np.array([s.weights[variable] for s in record.snapshots])
    left = steps.promised[steps.found.left]
    if steps.found.tier and steps.found.verdict is Verdict.DIFFER and set(left.initial_weights) == {KERNEL, BIAS}:
        reference = expected(steps.found, steps.promised)
        assert reference is not None
        for variable in (KERNEL, BIAS):
            bounded = [snapshot.weights[variable] for snapshot in reference.snapshots]
            found[f"bound/{variable}"] = np.array([each.bound for each in bounded])
            if steps.found.tier == 1:
                found[f"weights/{REFERENCE}/{variable}"] = np.array([each.value for each in bounded])
    return found


def _digest(case: KeptCase, arrays: Mapping[str, np.ndarray[Any, Any]]) -> str:
    """Return a short name for what was trained, with which versions, and what came out; not for when and where."""
    machine = {"commit", "memory_gib"}
    text = case.model_dump_json(exclude={"sides": {"__all__": {"environment": machine}}})
    digest = hashlib.sha256(text.encode())
    for name, value in arrays.items():
        digest.update(name.encode() + value.tobytes())
    return digest.hexdigest()[:8]


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, in place of what is there."""
    with draft_of(path) as draft:
        draft.write_bytes(data)
        draft.replace(path)
