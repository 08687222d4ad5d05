"""Sources: a problem as an architecture reads it, and its samples in everything that Keras takes them in."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from keras_styles import runtime
from keras_styles.architectures import Architecture, array_of
from keras_styles.problems import Array, Problem
from keras_styles.recipes import Recipe, RecipeError, Source

# Each an array, or a structure of arrays with the samples as their first dimension.
Rows = tuple[Any, ...]


class Data(Hashable, Protocol):
    """What a model is trained on; it is hashable, so that what is prepared of it can be kept."""

    def arrays(self, dtype: str) -> tuple[Any, Any]:
        """Return inputs and targets, each an array or a structure of arrays."""


@dataclass(frozen=True)
class Reading:
    """A problem as an architecture reads it."""

    architecture: Architecture
    problem: Problem

    def arrays(self, dtype: str) -> tuple[Any, Any]:
        """Return inputs and targets, each an array or a structure of arrays."""
        x, y = self.problem.arrays(dtype)
        return self.architecture.inputs(x), self.architecture.targets(y)


def take(data: Any, rows: slice) -> Any:
    """Return some samples of an array or of a structure of arrays."""
    return runtime.keras.tree.map_structure(lambda array: array[rows], data)


def samples_in(data: Any) -> int:
    """Return how many samples there are in an array or in each array of a structure."""
    return len(runtime.keras.tree.flatten(data)[0])


def side_by_side(outputs: Any) -> Array:
    """Return a model's outputs as one array of shape (samples, numbers of all outputs)."""
    arrays = [array_of(output) for output in runtime.keras.tree.flatten(outputs)]
    return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)


def fit_data(recipe: Recipe, x: Any, y: Any, weights: Array | None) -> dict[str, Any]:
    """Return the arguments of `fit` that carry the data.

    Args:
        recipe: names the source and the batches.
        x: inputs, an array or a structure of arrays.
        y: targets, likewise.
        weights: of the samples, shape (samples,), or None.

    Raises:
        RecipeError: if the data cannot be brought into the form of the source.
        RuntimeChoiceError: if the engine has no such source.
    """
    rows = (x, y) if weights is None else (x, y, weights)
    return _SOURCES[recipe.source](recipe, rows)


def why_no_source(source: Source) -> str | None:
    """Say why this engine cannot take data from `source`, or None if it can."""
    if source == "dataset" and runtime.ENGINE == "jax":
        return "jax ships no datasets of its own; Keras would take those of tensorflow or torch, other engines"
    return None


def _arrays(recipe: Recipe, rows: Rows) -> dict[str, Any]:
    given = dict(zip(("x", "y", "sample_weight"), rows, strict=False))
    return given | {"batch_size": recipe.batch_size or samples_in(rows[0])}


def _pandas(recipe: Recipe, rows: Rows) -> dict[str, Any]:
    import pandas as pd  # here, since only this source needs it

    x, y, *weights = rows
    if not all(isinstance(array, np.ndarray) and array.ndim == 2 for array in (x, y)):
        raise RecipeError(
            "A recipe with source='pandas' needs inputs and targets that are one table each; choose another."
        )
    tables: list[Any] = [pd.DataFrame(x), pd.DataFrame(y), *(pd.Series(w) for w in weights)]
    given = dict(zip(("x", "y", "sample_weight"), tables, strict=False))
    return given | {"batch_size": recipe.batch_size or len(x)}


def _batches(recipe: Recipe, rows: Rows) -> list[Rows]:
    return [take(rows, step) for step in recipe.batches(samples_in(rows))]


def _dataset(recipe: Recipe, rows: Rows) -> dict[str, Any]:
    if reason := why_no_source("dataset"):
        raise runtime.RuntimeChoiceError(f"A recipe with source='dataset' cannot run here: {reason}; choose another.")
    engine = runtime.engine_module()
    size = recipe.batch_size or samples_in(rows)
    if runtime.ENGINE == "tensorflow":
        return {"x": engine.data.Dataset.from_tensor_slices(rows).batch(size)}
    if not all(isinstance(array, np.ndarray) for array in rows):
        raise RecipeError("A recipe with source='dataset' needs single inputs and targets on torch; choose another.")
    tensors = [engine.from_numpy(array) for array in rows]
    data = engine.utils.data
    return {"x": data.DataLoader(data.TensorDataset(*tensors), batch_size=size, shuffle=False)}


class _Batches(runtime.keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no type information
    """The batches of one epoch by number."""

    def __init__(self, batches: list[Rows]) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> Rows:
        return self._batches[index]


def _pydataset(recipe: Recipe, rows: Rows) -> dict[str, Any]:
    return {"x": _Batches(_batches(recipe, rows))}


def _generator(recipe: Recipe, rows: Rows) -> dict[str, Any]:
    batches = _batches(recipe, rows)

    def forever() -> Iterator[Rows]:
        while True:
            yield from batches

    return {"x": forever(), "steps_per_epoch": len(batches)}


_SOURCES: dict[Source, Callable[[Recipe, Rows], dict[str, Any]]] = {
    "arrays": _arrays,
    "dataset": _dataset,
    "pydataset": _pydataset,
    "generator": _generator,
    "pandas": _pandas,
}
