"""Cells: samples that were taken elsewhere reach pytest-benchmark, and a cell without a number leaves its reason."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from keras_styles.records import UnmeasuredCell
from keras_styles.workloads import ProcessRecord


def samples_taken_before(samples: Sequence[float]) -> Callable[[], float]:
    """Return a timer that lets each round of pytest-benchmark last as long as a sample.

    pytest-benchmark times one function after the other in one process; that would give each style a different moment
    of a drifting machine. Its timer is its one public way in for samples that were taken elsewhere.
    """

    def ticks() -> Iterator[float]:
        for sample in samples:
            yield 0.0
            yield sample

    remaining = ticks()

    def timer() -> float:
        return next(remaining)

    return timer


@dataclass(frozen=True)
class Cell:
    """What one test reports: its samples in seconds, and the facts that travel with them."""

    group: str
    samples: Sequence[float]
    extra_info: dict[str, Any]

    def report(self, request: pytest.FixtureRequest) -> None:
        """Hand the samples to pytest-benchmark's own fixture."""
        timer = samples_taken_before(self.samples)
        request.node.add_marker(pytest.mark.benchmark(timer=timer, group=self.group))
        benchmark = request.getfixturevalue("benchmark")
        benchmark.extra_info.update(self.extra_info)
        benchmark.pedantic(lambda: None, rounds=len(self.samples), iterations=1)


UNMEASURED: list[UnmeasuredCell] = []
# By device: what the saved file keeps whole, beside the numbers that pytest-benchmark makes of it.
PROCESSES: dict[str, list[ProcessRecord]] = {}


def leave_unmeasured(request: pytest.FixtureRequest, *, outcome: str, reason: str, extra_info: dict[str, Any]) -> None:
    """Keep in the saved file why this cell has no number: a missing GPU and a deleted benchmark must look different."""
    UNMEASURED.append(
        UnmeasuredCell(fullname=request.node.nodeid, outcome=outcome, reason=reason, extra_info=extra_info)
    )


@contextmanager
def leaving_unmeasured(request: pytest.FixtureRequest, extra_info: dict[str, Any]) -> Iterator[None]:
    """Keep in the saved file why this cell has no number, if what is done here is skipped or fails."""
    try:
        yield
    except (Exception, pytest.skip.Exception, pytest.fail.Exception) as error:
        outcome = "skipped" if isinstance(error, pytest.skip.Exception) else "failed"
        said = (str(error).splitlines() or [""])[0]
        reason = f"{type(error).__name__}: {said}" if isinstance(error, Exception) else said
        leave_unmeasured(request, outcome=outcome, reason=reason, extra_info=extra_info)
        raise
