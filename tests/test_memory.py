"""Memory: a leak is told from noise by its interval, and a real process answers with all that was asked."""

import mmap

import numpy as np
import psutil
import pytest

from keras_styles import runtime
from keras_styles.memory import Growth, MemoryReadingError, growth, in_fresh_process

MEBIBYTE = 2**20


def allocate(kept: list[mmap.mmap] | None) -> Growth:
    """Return the growth over twenty pieces of one mebibyte, which are kept or given back.

    From the system itself, since `malloc` may have pieces at hand that an earlier test gave back.
    """
    series = []
    for _ in range(20):
        made = mmap.mmap(-1, MEBIBYTE)
        made.write(b"1" * MEBIBYTE)
        if kept is None:
            made.close()
        else:
            kept.append(made)
        series.append(psutil.Process().memory_info().rss)
    return growth(series[3:])


def test_memory_that_is_kept_is_a_leak_of_their_size() -> None:
    leak = allocate([])
    assert leak.low > 0
    assert leak.slope == pytest.approx(MEBIBYTE, rel=0.1)


def test_memory_that_is_given_back_is_none() -> None:
    assert abs(allocate(None).slope) < MEBIBYTE / 100


def test_readings_that_are_all_the_same_show_no_growth() -> None:
    assert growth([5 * MEBIBYTE] * 5) == Growth(slope=0, low=0, high=0)


def test_the_interval_holds_a_known_slope_in_95_of_100_simulations() -> None:
    random = np.random.default_rng(0)
    times = np.arange(17)
    found = [growth(list(5e8 + 1000 * times + random.normal(0, 5000, 17))) for _ in range(1000)]
    held = sum(each.low <= 1000 <= each.high for each in found)
    # Three standard deviations of a binomial with n = 1000 and p = 0.95 are 21.
    assert abs(held - 950) <= 21


@pytest.fixture
def _quick_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")  # imported soonest; what is asked of it is the same on each


@pytest.mark.usefixtures("_quick_engine")
def test_a_process_answers_with_all_that_was_asked() -> None:
    use = in_fresh_process("linear_regression", "functional", 3)
    assert (use.architecture, use.style, use.builds) == ("linear_regression", "functional", 3)
    assert len(use.resident_bytes) == len(use.resident_bytes_cleared) == 3
    assert use.bytes_per_build == growth(use.resident_bytes)
    assert use.bytes_per_build_cleared == growth(use.resident_bytes_cleared)
    assert 50 * MEBIBYTE < (use.host_bytes_before or 0) < use.peak_host_bytes, "less than Python and an engine take"
    assert (use.peak_device_bytes is None) == (runtime.chosen_device() == "cpu")


def test_too_few_builds_are_refused_in_a_sentence() -> None:
    with pytest.raises(MemoryReadingError, match="needs at least 3 builds, not 2; ask for more"):
        in_fresh_process("linear_regression", "functional", 2)


@pytest.mark.usefixtures("_quick_engine")
def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(MemoryReadingError, match="There is no architecture 'none'"):
        in_fresh_process("none", "functional", 3)
