"""Measurement: rounds that interleave in rotating order, synchronized on both sides of what is timed."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from keras_styles import runtime


@dataclass(frozen=True)
class Action:
    """Something to time.

    Attributes:
        run: what is timed; given what `prepare` returned.
        prepare: runs untimed before each round.
        pending: given what `run` returned, returns the arrays that it may have left on their way, for
            `runtime.synchronize`.
        keep: given what `run` returned once the clock has been read.
    """

    run: Callable[[Any], Any]
    prepare: Callable[[], Any] = lambda: None
    pending: Callable[[Any], Any] = lambda result: result
    keep: Callable[[Any], None] = lambda result: None


def interleave(
    actions: Mapping[str, Action],
    *,
    min_rounds: int,
    max_seconds: float,
    warm_up: bool = True,
    first: int = 0,
    turn: Callable[[], None] = lambda: None,
) -> dict[str, list[int]]:
    """Time the actions in turns and return the nanoseconds of each round, by action.

    Every round runs each action once, in the next of `round_order`: what drifts meets all of them alike, and so does
    what an action leaves behind for those that follow it. The devices are synchronized on both sides of every timed
    region.

    Args:
        actions: what to time, by name.
        min_rounds: rounds to run, whatever they take.
        max_seconds: begin no further round once the timed regions have taken that long for each action.
        warm_up: run each action once before, untimed; False if that was done already.
        first: number of the process; those of one run begin with another order each.
        turn: called before each timed action; waits, where two processes take turns.
    """
    chains = {name: {"": action} for name, action in actions.items()}
    if warm_up:
        for action in actions.values():
            _timed(action)
    samples = interleave_chains(chains, min_rounds=min_rounds, max_seconds=max_seconds, first=first, turn=turn)
    return {name: links[""] for name, links in samples.items()}


def interleave_chains(
    chains: Mapping[str, Mapping[str, Action]],
    *,
    min_rounds: int,
    max_seconds: float,
    first: int = 0,
    turn: Callable[[], None] = lambda: None,
) -> dict[str, dict[str, list[int]]]:
    """Time chains of actions in turns, each link by itself, and return the nanoseconds by chain and link.

    A chain is run through before the next one begins: what a link leaves behind is what the next one begins with.
    There is no warm-up, since what happens for the first time may be what is to be timed.

    Args:
        chains: by name, the actions by name, in order.
        min_rounds: as in `interleave`.
        max_seconds: as in `interleave`, for each chain.
        first: as in `interleave`.
        turn: as in `interleave`, before each chain.
    """
    names = list(chains)
    samples: dict[str, dict[str, list[int]]] = {name: {link: [] for link in chain} for name, chain in chains.items()}
    spent, rounds = 0, 0
    while rounds < min_rounds or spent < max_seconds * 1e9 * len(names):
        for place in round_order(first, rounds, len(names)):
            name = names[place]
            turn()
            for link, action in chains[name].items():
                nanoseconds = _timed(action)
                samples[name][link].append(nanoseconds)
                spent += nanoseconds
        rounds += 1
    return samples


def round_order(first: int, number: int, size: int) -> list[int]:
    """Return the order of a round: the next one of a Williams square, and after each square one with other names.

    A square balances what directly follows what, and nothing beyond: in the same one again and again the twin came two
    places behind a floor where the functional style came behind Sequential, which runs the same code and leaves it in
    the caches. It made the twin's eager call on TensorFlow 1.2 to 2.2 % slower; with names drawn anew it is 1. Of what
    takes so long that a process has a single round of it, processes hold the square together, and nothing was seen to
    be left over: in 2,000 such cells of four full runs the twin took 0.1 % less, with a standard error of 0.2 %.

    Args:
        first: number of the process, which begins as far on in the first square, so that processes differ, and draws
            names of its own.
        number: of the round in this process, from 0.
        size: how many there are to put in order.
    """
    square = number // (2 * size if size % 2 else size)
    names = np.random.default_rng((first, square)).permutation(size) if square else np.arange(size)
    return [int(names[place]) for place in williams_order(first + number, size)]


def williams_order(number: int, size: int) -> list[int]:
    """Return one order of a Latin square in which each place follows each other one equally often.

    With plain rotation everything would always follow the same one, and inherit the state of caches and allocators that
    this one leaves: it made the functional style's twin 2 % faster than the functional style. The square has `size`
    orders, or twice as many if `size` is odd.

    Source: E. J. Williams, Experimental designs balanced for the estimation of residual effects of treatments,
    Australian Journal of Scientific Research A 2, 149 (1949).
    """
    zigzag = [step // 2 + 1 if step % 2 else -step // 2 for step in range(size)]  # 0, 1, -1, 2, -2, ...
    order = [(place + number) % size for place in zigzag]
    return order[::-1] if size % 2 and number // size % 2 else order


def _timed(action: Action) -> int:
    prepared = action.prepare()
    collects = gc.isenabled()
    # What one style leaves to be collected must not be paid for by the next; timeit does the same.
    gc.disable()
    try:
        runtime.synchronize()
        start = time.perf_counter_ns()
        result = action.run(prepared)
        runtime.synchronize(partial(action.pending, result))
        nanoseconds = time.perf_counter_ns() - start
    finally:
        if collects:
            gc.enable()
    action.keep(result)
    del result  # held until here, so that freeing it is not timed
    return max(nanoseconds, 1)


def seconds(nanoseconds: Sequence[int]) -> list[float]:
    """Return rounds in seconds."""
    return [each / 1e9 for each in nanoseconds]


# Some milliseconds of what Keras' steps are made of, products of small matrices and Python between them.
_PULSE_SIZE, _PULSE_BEATS = 64, 200


def pulse() -> int:
    """Return how many nanoseconds a computation takes that is always the same: how fast the machine is right now."""
    matrix = np.full((_PULSE_SIZE, _PULSE_SIZE), 1 / _PULSE_SIZE, np.float32)
    state = matrix
    start = time.perf_counter_ns()
    for _ in range(_PULSE_BEATS):
        state = state @ matrix
    return time.perf_counter_ns() - start
