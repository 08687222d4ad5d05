"""Save and load: a trained style comes back with the same bits, and the seed's own subclass does not come back."""

from pathlib import Path

import numpy as np
import pytest

from equivalence.agreement import assert_styles_agree
from keras_styles import runtime
from keras_styles.architectures import get_weights, set_weights
from keras_styles.architectures.linear_regression import ARCHITECTURE, SeedLinearRegression
from keras_styles.problems import TableProblem
from keras_styles.recipes import Recipe
from keras_styles.styles import STYLES
from keras_styles.training import Trainer

STUDY_HOURS = TableProblem(source="study_hours")
keras = runtime.keras


@pytest.mark.parametrize("style", STYLES)
def test_saved_model_comes_back_with_the_same_bits(
    trainer: Trainer, contract_seed: int, style: str, tmp_path: Path
) -> None:
    record = assert_styles_agree(trainer, STUDY_HOURS, Recipe(epochs=3, seed=contract_seed))[style]
    model = ARCHITECTURE.build(style, features=1, seed=contract_seed + 1)  # starts elsewhere
    set_weights(model, record.snapshots[-1].weights)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(loaded) is type(model)
    weights = get_weights(loaded)
    for name, value in record.snapshots[-1].weights.items():
        assert np.array_equal(weights[name], value), name
    x, _ = STUDY_HOURS.arrays()
    assert np.array_equal(loaded.predict_on_batch(x), model.predict_on_batch(x))


def test_the_seeds_own_subclass_trains_alike_but_cannot_be_loaded(
    trainer: Trainer, contract_seed: int, tmp_path: Path
) -> None:
    """Its `__init__` takes no keyword arguments, and Keras passes the saved `trainable` and `dtype` to it."""
    record = assert_styles_agree(trainer, STUDY_HOURS, Recipe(epochs=3, seed=contract_seed))["subclassing"]
    x, y = STUDY_HOURS.arrays()
    keras.utils.set_random_seed(contract_seed)
    with pytest.warns(UserWarning, match="input_shape"):
        model = SeedLinearRegression()
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse", jit_compile=False)
    model.fit(x, y, batch_size=len(x), epochs=3, shuffle=False, verbose=0)
    for trained, value in zip(model.get_weights(), record.snapshots[-1].weights.values(), strict=True):
        np.testing.assert_allclose(trained, value, rtol=1e-6)
    model.save(tmp_path / "seed.keras")
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        keras.saving.load_model(tmp_path / "seed.keras", safe_mode=True)
