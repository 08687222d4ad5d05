"""Calibration: on simulated machines with a known truth, thresholds and rates are what they must be."""

import functools
import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats  # type: ignore[import-untyped]
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

from keras_styles.calibration import (
    GATE,
    RULES,
    CalibrationRecord,
    RatesRecord,
    calibration_table,
    draw_splits,
    frontier,
    gate_rule,
    holm_beside,
    replay,
    summary_spreads,
    thresholds,
)
from keras_styles.errors import KerasStylesError
from keras_styles.gate import PAIRS_AGAIN, CellKey, common_cells, confirm, regressions, screen
from keras_styles.records import load
from keras_styles.styles import STYLES
from keras_styles.workloads import MeasuredWorkload, ProcessRecord, Workload
from tests.conftest import ROOT
from tests.test_gate import process

# The newest of each machine, engine and device: older ones are of a gate that measured and decided otherwise.
CALIBRATIONS = sorted((ROOT / "results" / "calibration").glob("linux-*.json"))
PUBLISHED = list({re.split(r"-\d{8}T", path.stem)[0]: path for path in CALIBRATIONS}.values())
PAIRS = 8
PROCESSES = 4 * (1 + PAIRS_AGAIN) * PAIRS

QUIET = Workload(architecture="linear_regression", phase="fit")
NOISY = Workload(architecture="linear_regression", phase="call")
# Typical nanoseconds, and the standard deviation of the effect of a process.
TRUTH = {QUIET: (5e6, 0.02), NOISY: (2e5, 0.08)}


@functools.cache
def simulated(seed: int, processes: int = PROCESSES) -> CalibrationRecord:
    """A drifting machine; rounds jitter by 5 %, and one process in thirty is disturbed by 30 %."""
    random = np.random.default_rng(seed)
    records = []
    for number in range(processes):
        disturbed = 1.3 if random.random() < 1 / 30 else 1.0
        drift = disturbed * np.exp(0.001 * number)
        measured = []
        for workload, (level, effect) in TRUTH.items():
            times = {}
            for name in STYLES:
                rounds = level * drift * np.exp(random.normal(0, effect) + random.normal(0, 0.05, 9))
                times[name] = [round(one) for one in rounds]
            measured.append(MeasuredWorkload(workload=workload, nanoseconds=times))
        records.append(process(measured, number=number))
    return CalibrationRecord(created=records[0].created, environment=records[0].environment, processes=records)


def assert_rarely_wrong(calibration: CalibrationRecord, pairs: int) -> None:
    rates = replay(calibration, pairs, slow_downs=())
    # More than this many are improbable (1 in 1,000) if the rate is 1 %.
    assert rates.false_alarms <= stats.binom.ppf(0.999, rates.splits, 0.01), rates


@pytest.mark.parametrize("seed", [1, 2])
def test_the_gate_rarely_raises_a_false_alarm(seed: int) -> None:
    assert_rarely_wrong(simulated(seed), PAIRS)


def sides(processes: list[ProcessRecord]) -> tuple[list[ProcessRecord], list[ProcessRecord]]:
    """Call processes of unchanged code base and head, in turns."""
    return (
        [one for place, one in enumerate(processes) if place % 4 in (0, 3)],
        [one for place, one in enumerate(processes) if place % 4 in (1, 2)],
    )


def test_thresholds_of_one_run_hold_in_another() -> None:
    """Simulated: a gate of unchanged code, on processes that the thresholds were not taken from."""
    limits = thresholds(simulated(1), PAIRS)
    for seed in (3, 4, 5):
        processes = simulated(seed).processes
        first = screen(*sides(processes[: 2 * PAIRS]), limits)
        again = sides(processes[2 * PAIRS : 2 * (1 + PAIRS_AGAIN) * PAIRS])
        assert not regressions(confirm(first, *again, limits))


def slowed(record: ProcessRecord, key: CellKey, factor: float) -> ProcessRecord:
    """Return a process in which one cell took longer."""
    measured = [
        one.model_copy(
            update={
                "nanoseconds": {
                    style: [round(ns * factor) for ns in rounds] if CellKey(one.workload, style) == key else rounds
                    for style, rounds in one.nanoseconds.items()
                }
            }
        )
        for one in record.measured
    ]
    return record.model_copy(update={"measured": measured})


@pytest.mark.parametrize("slow_down", [1.0, 1.05, 1.2])
def test_the_replay_decides_as_the_gate_does(slow_down: float) -> None:
    """Each cell has its turn in the gate's own words, with the processes that the replay drew."""
    calibration = simulated(2)
    draw, _ = draw_splits(calibration, PAIRS, 20)
    replayed = gate_rule(draw, slow_down)
    cells = common_cells(calibration.processes)
    for split in range(0, 20, 4):
        limits = dict(zip(cells, map(float, draw.limits[split]), strict=True))
        for column, key in enumerate(cells):
            base, head = ([calibration.processes[number] for number in side[split]] for side in (draw.base, draw.head))
            head = [slowed(record, key, slow_down) for record in head]
            first = screen(base[:PAIRS], head[:PAIRS], limits)
            again = confirm(first, base[PAIRS:], head[PAIRS:], limits)
            assert (key in [one.key for one in regressions(again)]) == replayed[split, column], (split, key)


def test_both_runs_of_a_gate_and_its_thresholds_have_processes_of_their_own() -> None:
    draw, _ = draw_splits(simulated(1), PAIRS, 20)
    for base, head in zip(draw.base, draw.head, strict=True):
        used = {*base, *head}
        half = PROCESSES // 2
        assert len(used) == half, "no process is in two pairs, nor in both runs"
        assert used in (set(range(half)), set(range(half, PROCESSES))), "the other half gives thresholds"


def test_holm_of_many_families_is_that_of_statsmodels() -> None:
    random = np.random.default_rng(0)
    # Few, since statsmodels collects garbage at each call.
    others, p_values = random.random((2, 6, 4)) ** 4
    others[random.random(others.shape) < 0.5] = np.inf
    found = holm_beside(p_values, others)
    for row, column in np.ndindex(found.shape):
        family = np.where(np.arange(4) == column, p_values[row], others[row])
        members = np.isfinite(family)
        expected = multipletests(family[members], method="holm")[1][members[:column].sum()]
        assert min(found[row, column], 1.0) == pytest.approx(expected)


def test_thresholds_grow_with_noise_and_shrink_with_pairs() -> None:
    many, few = thresholds(simulated(1), PAIRS), thresholds(simulated(1), 5)
    for style in STYLES:
        assert many[CellKey(NOISY, style)] > 1.5 * many[CellKey(QUIET, style)] >= 1.5 * 0.02
        assert few[CellKey(QUIET, style)] > many[CellKey(QUIET, style)]


def test_power_grows_with_the_slow_down_and_is_that_of_the_quiet_cells() -> None:
    power = replay(simulated(1), PAIRS, slow_downs=(1.01, 1.05, 1.2)).power
    assert power[1.01].all_cells < 0.05
    assert power[1.2].all_cells > 0.9
    long = [power[factor].long_cells or 0.0 for factor in (1.01, 1.05, 1.2)]
    assert long == sorted(long)
    assert long[-1] > 0.99
    assert long[1] > power[1.05].all_cells


def test_rules_are_wrong_as_one_expects() -> None:
    rates = {rule: replay(simulated(1), PAIRS, rule, slow_downs=(1.05, 1.2)) for rule in RULES}
    mean, asv, double = (rates[rule] for rule in RULES if rule != GATE)
    assert mean.false_alarm_rate > 0.5  # six cells, three of which differ by 11 % between processes
    assert mean.low < mean.false_alarm_rate < mean.high
    assert 0 < asv.false_alarm_rate < mean.false_alarm_rate
    assert double.false_alarms == 0
    assert double.power[1.2].all_cells < 0.01


def test_more_pairs_find_more() -> None:
    few, many = frontier(simulated(1), (5, PAIRS), splits=300)
    assert (few.pairs, many.pairs) == (5, PAIRS)
    assert (few.power[1.05].long_cells or 0) < (many.power[1.05].long_cells or 0)


@pytest.mark.parametrize(("common", "own"), [(0.1, 0.0), (0.0, 0.1)])
def test_spreads_are_those_of_the_machine(common: float, own: float) -> None:
    """Simulated: processes differ by what slows all that they time, or by what slows each by itself."""
    random = np.random.default_rng(0)
    records = []
    for number in range(200):
        slow = random.normal(0, common)
        times = {
            name: [round(1e8 * np.exp(slow + effect))] * 3
            for name, effect in zip(STYLES, random.normal(0, own, len(STYLES)), strict=True)
        }
        records.append(process([MeasuredWorkload(workload=QUIET, nanoseconds=times)], number=number))
    spreads = summary_spreads(
        CalibrationRecord(created=records[0].created, environment=records[0].environment, processes=records)
    )
    both = np.sqrt(2) * max(common, own)  # of a difference of two
    assert list(spreads.values()) == pytest.approx([both] * len(spreads), rel=0.15)


def test_too_few_processes_are_an_error_that_says_how_many() -> None:
    with pytest.raises(KerasStylesError, match="has 96 processes, but to replay a gate of 9 pairs takes 108"):
        replay(simulated(1), 9)
    with pytest.raises(KerasStylesError, match=r"has 96 processes, but a gate of 25 pairs, .* in 50 more, needs 100"):
        thresholds(simulated(1), 25)
    assert thresholds(simulated(1), 24)
    with pytest.raises(ValidationError, match="at least 40"):
        simulated(1, 39)


def test_a_calibration_of_changed_code_is_refused() -> None:
    record = simulated(1)
    other = record.environment.model_copy(update={"commit": "def"})
    changed: list[ProcessRecord] = [record.processes[0].model_copy(update={"environment": other})]
    with pytest.raises(ValidationError, match="commit is 'def' in one and 'abc' in another"):
        CalibrationRecord(
            created=record.created, environment=record.environment, processes=changed + record.processes[1:]
        )


def test_the_table_has_a_row_for_each_rule() -> None:
    rates = [replay(simulated(1), PAIRS, rule, slow_downs=(1.05,), splits=100) for rule in RULES]
    lines = calibration_table(rates).splitlines()
    assert lines[0] == "| rule | pairs | false alarms per run | finds 5% |"
    assert [line.split(" | ")[0] for line in lines[2:]] == [f"| {rule}" for rule in RULES]
    assert lines[-1].startswith("| github-action-benchmark, 200 % | 1 | 0.0% (0.0% to 3.6%) | 0% (0%) |")


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_rates_are_what_the_samples_give(path: Path) -> None:
    """The splits have a seed, so a change of the gate that makes it err more, or find less, gives other numbers."""
    calibration = load(path, CalibrationRecord)
    published = load(path.with_name(f"rates-{path.name}"), RatesRecord)
    (stored,) = [rates for rates in published.rates if rates.rule == GATE]
    assert stored.false_alarm_rate <= 0.01
    again = replay(calibration, stored.pairs, slow_downs=(1.05,))
    assert again.false_alarms == stored.false_alarms
    assert again.power[1.05].all_cells == pytest.approx(stored.power[1.05].all_cells, abs=1e-3)
    readme = path.with_name("README.md").read_text(encoding="utf-8")
    for rates in (published.rates, published.frontier):
        assert calibration_table(rates) in readme


def test_a_calibration_is_published() -> None:
    assert PUBLISHED
