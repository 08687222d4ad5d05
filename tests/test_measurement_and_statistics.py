"""Measurement: rounds take turns, as long as there is time, and only what is to be timed is timed."""

import itertools
import time
from collections import Counter

import pytest

from keras_styles.measurement import Action, interleave, williams_order


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


def test_each_action_waits_for_its_turn() -> None:
    events: list[str] = []
    actions = {name: Action(run=lambda _, name=name: events.append(name)) for name in "ab"}  # type: ignore[misc]
    interleave(actions, min_rounds=1, max_seconds=0, warm_up=False, turn=lambda: events.append("turn"))
    assert events == ["turn", "a", "turn", "b"]


def test_rounds_go_on_until_the_time_is_spent() -> None:
    nap = Action(run=lambda _: time.sleep(0.01))
    assert len(interleave({"nap": nap}, min_rounds=1, max_seconds=0.1)["nap"]) in range(2, 11)


def test_preparation_is_not_timed_and_its_result_arrives() -> None:
    numbers = itertools.count()
    seen: list[int] = []

    def prepare() -> int:
        time.sleep(0.05)
        return next(numbers)

    samples = interleave({"a": Action(run=seen.append, prepare=prepare)}, min_rounds=3, max_seconds=0)
    assert seen == [0, 1, 2, 3]
    assert max(samples["a"]) < 50_000_000  # nanoseconds
