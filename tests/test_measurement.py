"""Measurement: rounds take turns, as long as there is time, and only what is to be timed is timed."""

import itertools
import math
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from keras_styles import runtime
from keras_styles.costs import MAX_DRIFT
from keras_styles.measurement import Action, interleave, round_order, williams_order
from keras_styles.statistics import judge, log_ratio


def test_every_round_runs_each_action_in_the_next_order() -> None:
    ran: list[str] = []
    actions = {name: Action(run=lambda _, name=name: ran.append(name)) for name in "abc"}  # type: ignore[misc]
    samples = interleave(actions, min_rounds=4, max_seconds=0)
    assert "".join(ran) == "abc" + "abc" + "bca" + "cab" + "cba"  # the first is the warm-up
    assert {name: len(values) for name, values in samples.items()} == {"a": 4, "b": 4, "c": 4}


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
def test_each_follows_each_other_equally_often(size: int) -> None:
    orders = [williams_order(number, size) for number in range(2 * size)]
    assert all(sorted(order) == list(range(size)) for order in orders)
    assert Counter(order[0] for order in orders) == dict.fromkeys(range(size), 2), "each comes first equally often"
    follows = Counter(pair for order in orders for pair in itertools.pairwise(order))
    assert follows == dict.fromkeys(itertools.permutations(range(size), 2), 2)


@pytest.mark.parametrize("distance", [1, 2, 3])
def test_each_comes_behind_each_other_about_equally_often_at_any_distance(distance: int) -> None:
    """What caches hold was left by more than the one before."""
    size, rounds, processes = 6, 30, 12
    orders = [round_order(process, number, size) for process in range(processes) for number in range(rounds)]
    assert all(sorted(order) == list(range(size)) for order in orders)
    found = Counter(pair for order in orders for pair in zip(order, order[distance:], strict=False))
    expected = rounds * processes * (size - distance) / (size * (size - 1))
    assert len(found) == size * (size - 1), "some never do"
    # A fifth of the rounds is the first square, which is balanced at a distance of 1 only.
    assert all(0.5 < count / expected < 1.7 for count in found.values()), found


def test_each_action_waits_for_its_turn() -> None:
    events: list[str] = []
    actions = {name: Action(run=lambda _, name=name: events.append(name)) for name in "ab"}  # type: ignore[misc]
    interleave(actions, min_rounds=1, max_seconds=0, warm_up=False, turn=lambda: events.append("turn"))
    assert events == ["turn", "a", "turn", "b"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time in nanoseconds, which stands still until a test changes it."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: round(now[0]))
    monkeypatch.setattr(runtime, "synchronize", lambda *_: None)
    return now


def test_rounds_go_on_until_the_time_is_spent(clock: list[float]) -> None:
    def nap(_: None) -> None:
        clock[0] += 30_000_000

    samples = interleave({"nap": Action(run=nap)}, min_rounds=1, max_seconds=0.1)
    assert samples == {"nap": [30_000_000] * 4}


def test_preparation_is_not_timed_and_its_result_arrives(clock: list[float]) -> None:
    numbers = itertools.count()
    seen: list[int] = []

    def prepare() -> int:
        clock[0] += 1_000_000
        return next(numbers)

    def run(number: int) -> None:
        clock[0] += 1_000
        seen.append(number)

    samples = interleave({"a": Action(run=run, prepare=prepare)}, min_rounds=3, max_seconds=0)
    assert seen == [0, 1, 2, 3]
    assert samples == {"a": [1_000] * 3}


def drifting(clock: list[float], process: int, groups: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    """Return the rounds of a process on a machine that becomes slower by the largest drift that is believed.

    Simulated by the clock: each action takes its own time, times how slow the machine is by then. What is in one group
    takes turns, and one group comes after the other.
    """
    random, rounds = np.random.default_rng(process), 24
    true_costs = {"functional": 1e6, "twin": 1e6, "subclassing": 1.1e6}
    whole = rounds * sum(true_costs.values()) * math.sqrt(MAX_DRIFT)
    clock[0] = 0.0

    def act(name: str) -> None:
        clock[0] += true_costs[name] * MAX_DRIFT ** min(clock[0] / whole, 1) * random.lognormal(0, 0.005)

    found: dict[str, list[int]] = {}
    for group in groups:
        actions = {name: Action(run=lambda _, name=name: act(name)) for name in group}  # type: ignore[misc]
        found |= interleave(actions, min_rounds=rounds, max_seconds=0, warm_up=False, first=process)
    return found


def test_ratios_hold_on_a_machine_that_becomes_slower(clock: list[float]) -> None:
    names = ("functional", "twin", "subclassing")

    def judged(*groups: Sequence[str]) -> dict[str, tuple[str, float]]:
        runs = [drifting(clock, process, groups) for process in range(12)]
        ratios = {name: [log_ratio(run[name], run["functional"]) for run in runs] for name in names[1:]}
        return {name: (one.verdict, one.ratio) for name, one in judge(ratios).items()}

    in_turns = judged(names)
    assert {name: verdict for name, (verdict, _) in in_turns.items()} == {
        "subclassing": "slower",
        "twin": "no difference",
    }
    assert [in_turns[name][1] for name in ("subclassing", "twin")] == pytest.approx([1.1, 1.0], rel=0.005)
    verdict, ratio = judged(*([name] for name in names))["twin"]
    assert verdict == "slower", "one after the other, the same code is called slower"
    assert ratio > 1.2
