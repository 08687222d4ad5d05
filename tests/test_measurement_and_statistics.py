"""Measurement: rounds take turns, as long as there is time, and only what is to be timed is timed."""

import itertools
import time

from keras_styles.measurement import Action, interleave


def test_every_round_runs_each_action_and_begins_one_further() -> None:
    ran: list[str] = []
    actions = {name: Action(run=lambda _, name=name: ran.append(name)) for name in "abc"}  # type: ignore[misc]
    samples = interleave(actions, min_rounds=4, max_seconds=0)
    assert "".join(ran) == "abc" + "abc" + "bca" + "cab" + "abc"  # the first is the warm-up
    assert {name: len(values) for name, values in samples.items()} == {"a": 4, "b": 4, "c": 4}


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
