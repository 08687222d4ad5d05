"""Sources: the same samples handed to `fit` in everything that Keras takes them in."""

from collections.abc import Callable, Iterator
from typing import Any

from keras_styles import runtime
from keras_styles.problems import Array
from keras_styles.recipes import Recipe, Source

Rows = tuple[Array, ...]


def fit_data(recipe: Recipe, x: Array, y: Array, weights: Array | None) -> dict[str, Any]:
    """Return the arguments of `fit` that carry the data.

    Args:
        recipe: names the source and the batches.
        x: shape (samples, features).
        y: shape (samples, outputs).
        weights: of the samples, shape (samples,), or None.

    Raises:
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
    return given | {"batch_size": recipe.batch_size or len(rows[0])}


def _pandas(recipe: Recipe, rows: Rows) -> dict[str, Any]:
    import pandas as pd  # here, since only this source needs it

    x, y, *weights = rows
    tables: list[Any] = [pd.DataFrame(x), pd.DataFrame(y), *(pd.Series(w) for w in weights)]
    given = dict(zip(("x", "y", "sample_weight"), tables, strict=False))
    return given | {"batch_size": recipe.batch_size or len(x)}


def _batches(recipe: Recipe, rows: Rows) -> list[Rows]:
    return [tuple(array[step] for array in rows) for step in recipe.batches(len(rows[0]))]


def _dataset(recipe: Recipe, rows: Rows) -> dict[str, Any]:
    if reason := why_no_source("dataset"):
        raise runtime.RuntimeChoiceError(f"A recipe with source='dataset' cannot run here: {reason}; choose another.")
    engine = runtime.engine_module()
    size = recipe.batch_size or len(rows[0])
    if runtime.ENGINE == "tensorflow":
        return {"x": engine.data.Dataset.from_tensor_slices(rows).batch(size)}
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
