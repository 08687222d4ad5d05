"""Cells: whatever stops one leaves its reason for the saved file, and stops it all the same."""

from collections.abc import Callable

import pytest

from bench.cells import leaving_unmeasured
from keras_styles.records import UnmeasuredCell


@pytest.mark.parametrize(
    ("stop", "error", "outcome", "reason"),
    [
        (lambda: pytest.skip("no Chromium here"), pytest.skip.Exception, "skipped", "no Chromium here"),
        (lambda: pytest.fail("too large\nby far"), pytest.fail.Exception, "failed", "too large"),
        (lambda: int("many"), ValueError, "failed", "ValueError: invalid literal for int() with base 10: 'many'"),
    ],
)
def test_whatever_stops_a_cell_is_kept_and_goes_on(
    stop: Callable[[], object],
    error: type[BaseException],
    outcome: str,
    reason: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[UnmeasuredCell] = []
    monkeypatch.setattr("bench.cells.UNMEASURED", kept)
    with pytest.raises(error), leaving_unmeasured(request, {"kind": "site"}):
        stop()
    (cell,) = kept
    assert (cell.outcome, cell.reason, cell.extra_info) == (outcome, reason, {"kind": "site"})
    assert cell.fullname == request.node.nodeid


def test_what_is_measured_or_interrupted_leaves_nothing(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[UnmeasuredCell] = []
    monkeypatch.setattr("bench.cells.UNMEASURED", kept)
    with leaving_unmeasured(request, {}):
        pass
    with pytest.raises(KeyboardInterrupt), leaving_unmeasured(request, {}):
        raise KeyboardInterrupt
    assert kept == []
