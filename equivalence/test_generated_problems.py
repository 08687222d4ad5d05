"""Generated problems: the styles leave the same bits at every stage, and stay within the bound of the reference."""

from hypothesis import example, given

from equivalence.agreement import assert_records_agree, assert_records_diverged, assert_styles_agree, examples
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Recipe
from keras_styles.strategies import Case, cases, degenerate_problems, linear_problems
from keras_styles.training import Trainer

LINE = LinearProblem(weights=(3.0,), bias=1.0)
FAR_FROM_ZERO = LinearProblem(weights=(1.0, -2.0), bias=5.0, samples=50, noise=1.0, offset=100.0)
ILL_CONDITIONED = LinearProblem(weights=(1.0,) * 8, samples=300, condition=1000.0, noise=0.01)
# Stable, but its mini-batches of noise leave a higher loss than they found; that is no divergence.
NOISY = LinearProblem(weights=(0.0,), noise=1.0, scale=0.001, samples=8, data_seed=3)
NOISY_RECIPE = Recipe(epochs=10, snapshot_every=1, batch_size=2, learning_rate=0.85)
RAGGED = Recipe(epochs=6, snapshot_every=1, batch_size=10, learning_rate=0.05)


@examples(in_pull_requests=8)
@given(cases(linear_problems()))
@example((LINE, Recipe(snapshot_every=10)))
@example((LINE, RAGGED))
@example((NOISY, NOISY_RECIPE))
@example((FAR_FROM_ZERO, Recipe(epochs=50, snapshot_every=10, learning_rate=2e-5)))
@example((ILL_CONDITIONED, Recipe(epochs=50, snapshot_every=10, learning_rate=0.1)))
def test_trained_styles_agree_to_the_bit_and_with_the_reference(trainer: Trainer, case: Case) -> None:
    assert_styles_agree(trainer, *case)


@given(cases(degenerate_problems()))
@example((LinearProblem(weights=(2.0,), bias=1.0, samples=1), Recipe(epochs=10, snapshot_every=1)))
@example((LinearProblem(weights=(2.0, 1.0), scale=0.0, offset=3.0), Recipe(epochs=10, snapshot_every=1)))
@example((LinearProblem(weights=(2.0, 1.0, 0.5), collinear=True), Recipe(epochs=10, snapshot_every=1)))
@example((LinearProblem(weights=(1e-30,), bias=1e-30, noise=1e-30), Recipe(epochs=10, snapshot_every=1)))
@example((LinearProblem(weights=(1e30,), bias=1e30), Recipe(epochs=10, snapshot_every=1)))
@example((LinearProblem(weights=(1.0,), scale=1e30), Recipe(epochs=10, snapshot_every=1)))
def test_degenerate_problems_agree_or_are_reported_as_diverged(trainer: Trainer, case: Case) -> None:
    """Where float32 overflows there is nothing to agree on: every verdict says so, and none says agree."""
    records = trainer.train_styles(*case)
    if any(record.diverged for record in records.values()):
        assert_records_diverged(records)
    else:
        assert_records_agree(records, trainer)


def test_learning_rate_past_stability_is_reported_as_diverged(trainer: Trainer, contract_seed: int) -> None:
    # The curvature of LINE is about 2, so training is stable below 1 and doubles its error each epoch at 1.5.
    assert_records_diverged(
        trainer.train_styles(LINE, Recipe(learning_rate=1.5, snapshot_every=30, seed=contract_seed))
    )
