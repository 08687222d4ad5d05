"""Seeded faults: what is done wrong on purpose must be caught at its stage; what is harmless must not be flagged."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from equivalence.agreement import SEEDED, assert_records_agree
from equivalence.fault_injection import Change, Injector
from equivalence.seeded_faults import BLIND_SPOTS, FAULTS, HARMLESS
from keras_styles import runtime
from keras_styles.comparison import STAGES, Comparison, compare_all, failures
from keras_styles.styles import STYLES
from keras_styles.training import Trainer

Note = Callable[[str, object], None]


@pytest.fixture(scope="session")
def injector(trainer_of: Callable[[str], Trainer]) -> Injector:
    """One for all tests of a process, so that what has no fault is trained once."""
    return Injector(trainer_of)


def test_catalogue_is_a_fair_trial(injector: Injector) -> None:
    """Each change has a name of its own, and together they reach every stage and every style by itself."""
    assert len(FAULTS) >= 50
    assert len(HARMLESS) >= 10
    changes = FAULTS + HARMLESS + BLIND_SPOTS
    assert len({change.name for change in changes}) == len(changes)
    assert {fault.stage for fault in FAULTS if not fault.refusal} == set(STAGES)
    assert all((fault.stage is None) == bool(fault.refusal) for fault in FAULTS)
    assert not any(change.stage or change.refusal for change in HARMLESS + BLIND_SPOTS)
    for catalogue in (FAULTS, HARMLESS):
        alone = {change.styles for change in catalogue}
        assert {(style,) for style in STYLES} <= alone
    assert_records_agree(injector.train(Change(name="nothing", what="Nothing is done otherwise.")), tally=SEEDED)


@pytest.mark.filterwarnings("ignore:Gradients do not exist:UserWarning")  # of a layer that is there to be unused
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_is_caught(injector: Injector, fault: Change, record_property: Note) -> None:
    skip_where_impossible(fault)
    record_property("seeded fault", fault.name)
    assert_records_agree(injector.without(fault.case), tally=SEEDED)  # or the fault would prove nothing
    records = injector.train(fault)
    try:
        assert_records_agree(records, tally=SEEDED)
    except AssertionError as caught:
        message = str(caught)
    else:
        pytest.fail(f"not caught: {fault.what}")
    record_property("caught", fault.name)
    if fault.refusal:
        assert fault.refusal in message
        return
    failed = failures(compare_all(records))
    assert failed[0].stage == fault.stage, message
    assert f"  stage         {fault.stage}" in message
    assert fault.says in message
    assert_blame(fault, failed, message)
    assert all(records[style].moved for style in fault.styles if records[style].snapshots)


def assert_blame(fault: Change, failed: list[Comparison], message: str) -> None:
    """Assert that the earliest failures are in every pair with a style at fault and in no other, and are named."""
    earliest = [c for c in failed if (c.moment, c.stage) == (failed[0].moment, failed[0].stage)]
    between_styles = {(c.left, c.right) for c in earliest if c.tier == 0}
    if set(fault.styles) != set(STYLES):
        assert between_styles == {pair for pair in pairwise(STYLES) if set(pair) & set(fault.styles)}, message
        assert any(style in message.splitlines()[1] for style in fault.styles)


@pytest.mark.parametrize("change", HARMLESS, ids=lambda change: change.name)
def test_harmless_change_is_not_flagged(injector: Injector, change: Change, record_property: Note) -> None:
    skip_where_impossible(change)
    record_property("harmless change", change.name)
    assert_records_agree(injector.train(change), tally=SEEDED)
    record_property("not flagged", change.name)


@pytest.mark.parametrize("fault", BLIND_SPOTS, ids=lambda fault: fault.name)
def test_blind_spot_is_still_one(injector: Injector, fault: Change, record_property: Note) -> None:
    """If one is caught, that is progress: it belongs to the faults now."""
    skip_where_impossible(fault)
    record_property("blind spot", fault.name)
    assert_records_agree(injector.train(fault), tally=SEEDED)


def skip_where_impossible(change: Change) -> None:
    if runtime.ENGINE not in change.engines:
        pytest.skip(f"cannot be done on {runtime.ENGINE}, only on {', '.join(change.engines)}")
