"""Statistics: verdicts on simulated processes of known truth are as often wrong as they say, and no more often."""

import gc
import math
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from keras_styles.statistics import judge, log_ratio

MARGIN = math.log(1.02)


@pytest.fixture(autouse=True, scope="module")
def _quick_collections() -> Iterator[None]:
    """`multipletests` collects garbage at each call, in 40 ms of all that pytest holds; what is frozen is left out."""
    gc.freeze()
    yield
    gc.unfreeze()


def at_most(share: float, runs: int) -> float:
    """Return the share that so many runs of a simulation stay below, in all but one case in a thousand."""
    return float(stats.binom.ppf(0.999, runs, share)) / runs


def processes(random: np.random.Generator, mean: float, spread: float, count: int) -> list[float]:
    """Draw one logarithm of a ratio for each process."""
    return list(random.normal(mean, spread, count))


def test_a_process_says_the_median_of_its_rounds() -> None:
    assert log_ratio([2.0, 4.0, 300.0], [1.0, 2.0, 3.0]) == pytest.approx(math.log(2))
    assert log_ratio([1.0, 2.0], [2.0, 1.0]) == pytest.approx(0)  # in logarithms, half and twice meet at 1


@pytest.mark.parametrize(("rounds", "baseline"), [([], []), ([1.0], [1.0, 2.0])])
def test_rounds_without_their_baseline_have_no_log_ratio(rounds: list[float], baseline: list[float]) -> None:
    with pytest.raises(ValueError, match="cannot be paired"):
        log_ratio(rounds, baseline)


def test_thirty_ratios_of_1_hold_a_false_alarm_in_one_run_of_twenty_at_most() -> None:
    """With a spread of 10 %, "no difference" is out of reach, so that it cannot hide a false alarm."""
    random, runs = np.random.default_rng(0), 80
    alarms = tested_alone = 0
    for _ in range(runs):
        log_ratios = {cell: processes(random, 0, 0.1, 12) for cell in range(30)}
        alarms += any(judgement.verdict != "undecided" for judgement in judge(log_ratios).values())
        tested_alone += min(stats.ttest_1samp(list(log_ratios.values()), 0, axis=1).pvalue) < 0.05
    assert alarms / runs <= at_most(0.05, runs)
    assert tested_alone / runs > 0.6, "without Holm, most runs should raise a false alarm, or this shows nothing"


@pytest.mark.parametrize("mean", [MARGIN, -MARGIN])
def test_what_is_2_percent_off_is_rarely_called_no_difference(mean: float) -> None:
    random, runs = np.random.default_rng(1), 600
    verdicts = [judge({0: processes(random, mean, 0.02, 12)})[0].verdict for _ in range(runs)]
    assert 0 < verdicts.count("no difference") / runs <= at_most(0.05, runs)


@pytest.mark.parametrize(
    ("ratio", "noise", "verdict"),
    [(1.1, 0.02, "slower"), (1 / 1.1, 0.02, "faster"), (1.0, 0.005, "no difference"), (1.005, 0.001, "no difference")],
)
def test_what_is_plain_is_decided(ratio: float, noise: float, verdict: str) -> None:
    """Among twenty; a ratio of 1.005 is different from 1 as well, but no difference that counts."""
    random = np.random.default_rng(2)
    judgements = judge({cell: processes(random, math.log(ratio), noise, 12) for cell in range(20)})
    assert [judgement.verdict for judgement in judgements.values()].count(verdict) >= 19  # type: ignore[arg-type]


def test_dividing_the_other_way_round_turns_the_verdict_round() -> None:
    random = np.random.default_rng(3)
    for spread in (0.001, 0.01, 0.05):
        sample = processes(random, 0.01, spread, 5)
        there, back = judge({0: sample})[0], judge({0: [-value for value in sample]})[0]
        assert back.ratio == pytest.approx(1 / there.ratio)
        assert (back.p_equivalence, back.p_difference) == pytest.approx((there.p_equivalence, there.p_difference))


@pytest.mark.parametrize("count", [2, 12])
def test_95_of_100_intervals_cover_the_truth(count: int) -> None:
    random, cells = np.random.default_rng(4), 500
    judgements = judge({cell: processes(random, math.log(1.3), 0.05, count) for cell in range(cells)})
    missed = sum(not judgement.low <= 1.3 <= judgement.high for judgement in judgements.values())
    assert stats.binom.ppf(0.001, cells, 0.05) <= missed <= stats.binom.ppf(0.999, cells, 0.05)


@pytest.mark.parametrize(("mean", "spread", "count"), [(0.0, 0.02, 8), (0.05, 0.06, 8), (-0.05, 0.06, 8)])
def test_as_many_processes_as_were_asked_for_often_decide(mean: float, spread: float, count: int) -> None:
    """Half of that number decide less often by far, so that it is no exaggeration either."""
    random = np.random.default_rng(5)
    runs, decided, decided_early = 0, 0, 0
    while runs < 150:
        sample = processes(random, mean, spread, count)
        more = judge({0: sample})[0].more_processes
        if more is None:
            continue
        sample += processes(random, mean, spread, more)
        runs += 1
        decided += judge({0: sample})[0].verdict != "undecided"
        decided_early += judge({0: sample[: count + more // 2]})[0].verdict != "undecided"
    assert decided / runs > 0.5
    assert decided_early < 0.75 * decided


def test_the_number_of_processes_asked_for_is_the_smallest_that_passes_for_all_cells() -> None:
    """Eight processes of alternating value; ten such cells make the level 0.05 / 20."""
    sample = [0.05, -0.01] * 4
    more = judge(dict.fromkeys(range(10), sample))[0].more_processes
    assert more is not None
    error = np.std(sample, ddof=1) / np.sqrt([len(sample) + more - 1, len(sample) + more])
    freedom = np.array([len(sample) + more - 2, len(sample) + more - 1])
    one_less, enough = 2 * stats.t.sf(0.02 / error, freedom)
    assert enough <= 0.05 / 20 < one_less


def test_no_number_of_processes_is_named_where_none_would_do() -> None:
    random = np.random.default_rng(6)
    sample = np.asarray(processes(random, 0, 1, 6))
    at_the_edge = sample / sample.std() * 10 - sample.mean() / sample.std() * 10 + MARGIN
    assert judge({0: list(at_the_edge)})[0].more_processes is None


@pytest.mark.parametrize("sample", [[], [0.5]])
def test_fewer_than_two_processes_decide_nothing(sample: list[float]) -> None:
    judgement = judge({"alone": sample})["alone"]
    assert (judgement.verdict, judgement.more_processes) == ("undecided", None)
    assert (judgement.low, judgement.high) == (0, math.inf)
    assert math.isnan(judgement.ratio) if not sample else judgement.ratio == pytest.approx(math.exp(0.5))


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(0.0, "no difference"), (0.01, "no difference"), (0.1, "slower"), (-0.1, "faster"), (0.1 + 0.2, "slower")],
)
def test_processes_that_agree_exactly_are_believed_without_a_warning(value: float, verdict: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        judgement = judge({0: [value, value, math.nextafter(value, 1)]})[0]
    assert judgement.verdict == verdict
    assert (judgement.low, judgement.high) == pytest.approx((math.exp(value), math.exp(value)))


def test_nothing_to_judge_is_judged_as_nothing() -> None:
    assert judge({}) == {}


def drifting(
    random: np.random.Generator, ratio: float, luck: float, rounds: int = 30
) -> tuple[Sequence[float], Sequence[float]]:
    """Draw the rounds of one process: a machine that slows down threefold, and luck that all rounds share."""
    drift = np.geomspace(1, 3, rounds) * random.uniform(0.5, 2)
    slower = ratio * math.exp(random.normal(0, luck)) * drift * random.lognormal(0, 0.01, rounds)
    return list(slower), list(drift * random.lognormal(0, 0.01, rounds))


def test_a_drift_of_both_sides_leaves_the_verdict_alone() -> None:
    random = np.random.default_rng(7)
    log_ratios = {
        ratio: [log_ratio(*drifting(random, ratio, luck=0.002)) for _ in range(12)] for ratio in (1.0, 1.1, 0.9)
    }
    judgements = judge(log_ratios)
    assert [judgement.verdict for judgement in judgements.values()] == ["no difference", "slower", "faster"]
    for ratio, judgement in judgements.items():
        assert judgement.ratio == pytest.approx(ratio, rel=0.005)


def test_rounds_of_a_process_are_no_sample_but_processes_are() -> None:
    """What a process shares in all its rounds (where its memory lies, say) is drawn once; the true ratio is 1."""
    random, runs = np.random.default_rng(8), 150
    alarms = alarms_of_rounds = 0
    for _ in range(runs):
        measured = [drifting(random, 1.0, luck=0.05) for _ in range(8)]
        rounds = np.concatenate([np.log(np.asarray(style) / np.asarray(baseline)) for style, baseline in measured])
        alarms_of_rounds += stats.ttest_1samp(rounds, 0).pvalue < 0.05
        alarms += judge({0: [log_ratio(*pair) for pair in measured]})[0].verdict in ("faster", "slower")
    assert alarms_of_rounds / runs > 0.4
    assert alarms / runs <= at_most(0.05, runs)
