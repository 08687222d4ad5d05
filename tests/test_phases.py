"""Phases and floors: every contender is timed in every phase, and nothing is timed of what is not equal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_styles import runtime
from keras_styles.architectures import array_of, linear_regression, load
from keras_styles.floors import engine_floor, numpy_floor
from keras_styles.phases import (
    FLOOR_TOLERANCE,
    Batches,
    Contenders,
    FloorSubject,
    KerasSubject,
    NotEqualError,
    contenders_of,
    measure,
)
from keras_styles.styles import STYLES
from keras_styles.workloads import ARCHITECTURES, EPOCHS, PHASES, MeasuredWorkload, Phase, Workload

WIDTH, BATCH_SIZE = 4, 3


def measured(
    name: str, *phases: Phase, before: Callable[[], None] = lambda: None, lives: int = 1, controls: bool = True
) -> list[MeasuredWorkload]:
    workloads = [Workload(architecture=name, phase=phase, batch_size=BATCH_SIZE, width=WIDTH) for phase in phases]
    return list(
        measure(
            load(name),
            WIDTH,
            workloads,
            min_rounds=2,
            max_seconds=0.0,
            lives=lives,
            controls=controls,
            first=1,
            before=before,
        )
    )


def test_every_phase_is_timed_in_every_contender() -> None:
    architecture = load("linear_regression")
    found = measured("linear_regression", *PHASES)
    assert [each.workload.phase for each in found] == list(PHASES)
    for each in found:
        assert each.why_not is None
        assert sorted(each.nanoseconds) == sorted(contenders_of(architecture, each.workload.phase))
        # The beginning of a life is timed once in a process, whatever number of rounds is asked for.
        rounds = 1 if each.workload.phase in PHASES[:4] else 2
        assert {len(nanoseconds) for nanoseconds in each.nanoseconds.values()} == {rounds}


def test_of_several_lives_each_phase_that_was_asked_for_has_a_round() -> None:
    """As the gate measures: the styles alone, and what is short in a life more often than the rest."""
    for asked, expected in (
        (("build", "compile", "first_step", "retrace", "call"), (4, 4, 3, 3, 2)),
        (("retrace",), (3,)),
        (("build", "save"), (2, 2)),
    ):
        found = measured("linear_regression", *asked, lives=3, controls=False)
        assert [each.why_not for each in found] == [None] * len(asked)
        for each, rounds in zip(found, expected, strict=True):
            assert {style: len(times) for style, times in each.nanoseconds.items()} == dict.fromkeys(STYLES, rounds)


# The other two have the layers of the first; the benchmark compares all with their floors in each of its processes.
@pytest.mark.parametrize("name", ["linear_regression", "multi_input", "tree_rnn"])
def test_floors_compute_what_the_styles_do(name: str) -> None:
    """`cold` compares weights after two steps of each; this compares what comes out of them."""
    contenders = Contenders(load(name), WIDTH)
    contenders.cold(("first_step", "retrace"), BATCH_SIZE, first=0)
    data = contenders.batches(BATCH_SIZE)
    expected = array_of(contenders.models["subclassing"].call(data.inputs))
    for floor in ("floor", "numpy"):
        subject = contenders.all[floor]
        predicted = np.asarray(subject.call(data.x))
        np.testing.assert_allclose(predicted, expected, rtol=FLOOR_TOLERANCE, atol=FLOOR_TOLERANCE / 10, err_msg=floor)


@pytest.mark.parametrize("name", ["multilayer_network", "tree_rnn"])
def test_gradients_by_hand_are_those_of_the_engine(name: str) -> None:
    """The steps of the benchmark are so small that a wrong gradient might hide behind the tolerance of floors."""
    contenders, rate = Contenders(load(name), WIDTH), 0.05
    start = list(contenders.models["subclassing"].arrays().values())
    by_engine, by_hand = engine_floor(name, start, rate), numpy_floor(name, start, rate)
    data = contenders.batches(BATCH_SIZE)
    for floor in (by_engine, by_hand):
        floor.fit(data.x, data.y, BATCH_SIZE)
    for before, expected, found in zip(start, by_engine.arrays(), by_hand.arrays(), strict=True):
        assert np.abs(expected - before).max() > 1e-3
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_only_the_style_that_can_express_it_is_timed() -> None:
    (found,) = measured("tree_rnn", "call")
    assert list(found.nanoseconds) == ["subclassing", "floor", "numpy"]


def test_one_ulp_between_styles_stops_all_timing() -> None:
    contenders = Contenders(load("linear_regression"), WIDTH)
    contenders.cold((), BATCH_SIZE, first=0)
    contenders.warm("call", BATCH_SIZE, min_rounds=1, max_seconds=0.0, first=0)
    kernel = contenders.models["subclassing"].model.variables[0]
    kernel.assign(np.nextafter(array_of(kernel), np.float32(9.0)))
    with pytest.raises(NotEqualError, match=r"sequential and subclassing differ in linear_layer/kernel \(weights"):
        contenders.warm("call", BATCH_SIZE, min_rounds=1, max_seconds=0.0, first=0)


def test_a_style_that_predicts_something_else_than_it_was_trained_for_stops_all_timing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After training all weights are equal to the bit."""
    call = linear_regression.LinearRegression.call

    def other_in_inference(model: Any, x: Any, training: bool = False) -> Any:
        return call(model, x) if training else 2 * call(model, x)

    monkeypatch.setattr(linear_regression.LinearRegression, "call", other_in_inference)
    for phase in ("predict", "predict_call", "call"):
        fit, predict, save = measured("linear_regression", "fit_call", phase, "save")
        assert fit.nanoseconds
        assert predict.why_not == f"not equal: sequential and subclassing differ in what {phase} returns"
        assert save.is_unequal


def test_a_copy_that_lost_its_weights_stops_all_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = KerasSubject.load

    def forgets(subject: KerasSubject, path: Path) -> Any:
        model = loads(subject, path)
        if "functional" in path.name:
            model.variables[0].assign(np.zeros(model.variables[0].shape))
        return model

    monkeypatch.setattr(KerasSubject, "load", forgets)
    (load_phase,) = measured("linear_regression", "load")
    assert load_phase.why_not == "not equal: functional and what was loaded of it have other weights"


def test_a_floor_that_computes_something_else_stops_all_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    # Seen by the comparison with the floor alone: the styles agree.
    monkeypatch.setattr("keras_styles.numpy_floors.np.square", lambda state: 0.9 * state * state)
    (found,) = measured("multilayer_network", "call")
    assert (found.why_not or "").startswith("not equal: numpy and sequential differ in")
    assert not found.nanoseconds


def test_trouble_concerns_one_workload_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("keras_styles.phases.KerasSubject.predict", out_of_memory)
    call, predict, fit_call = measured("linear_regression", "call", "predict", "fit_call")
    assert predict.why_not == "MemoryError: no room"
    assert call.nanoseconds
    assert fit_call.nanoseconds


def test_trouble_in_the_middle_of_a_training_makes_nothing_unequal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The floor fails after the models have trained: whoever goes on with these calls them unequal."""
    fit = FloorSubject.fit
    epochs_seen: list[int] = []

    def fails_in_fit_epochs(subject: FloorSubject, data: Batches, epochs: int = 1) -> None:
        epochs_seen.append(epochs)
        if epochs == EPOCHS:
            raise MemoryError("no room")
        fit(subject, data, epochs)

    monkeypatch.setattr("keras_styles.phases.FloorSubject.fit", fails_in_fit_epochs)
    build, fit_epochs, fit_call = measured("linear_regression", "build", "fit_epochs", "fit_call")
    assert EPOCHS in epochs_seen
    assert fit_epochs.why_not == "MemoryError: no room"
    assert fit_call.why_not is None
    assert fit_call.nanoseconds
    assert {len(rounds) for rounds in build.nanoseconds.values()} == {1}


def test_what_fails_at_once_fails_every_workload_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no driver")

    monkeypatch.setattr("keras_styles.phases.KerasSubject.build", fails)
    assert [each.why_not for each in measured("linear_regression", "build", "call")] == ["RuntimeError: no driver"] * 2


def test_architectures_with_targets_and_modes_of_their_own_are_timed() -> None:
    for name in ("multi_output", "recursive_network"):
        architecture = load(name)
        (found,) = measured(name, "fit_call")
        if reason := architecture.untrainable.get(runtime.ENGINE):
            assert found.why_not == f"untrainable: {reason}"
            assert found.is_untrainable
        else:
            assert found.why_not is None
            assert sorted(found.nanoseconds) == sorted(contenders_of(architecture, "fit_call"))


def test_what_the_benchmark_measures_has_a_floor() -> None:
    for name in ARCHITECTURES:
        assert contenders_of(load(name), "call")[-2:] == ("floor", "numpy")


def test_the_pulse_is_taken_before_the_cold_phases_and_each_other() -> None:
    beats: list[int] = []
    measured("linear_regression", "build", "compile", "call", "fit_call", before=lambda: beats.append(1))
    assert len(beats) == 3
