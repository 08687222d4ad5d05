"""Margins: every one falls into the bin it says, histograms add up, and quantiles are upper edges."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keras_styles.margins import bin_edge, margin_bin, margin_quantiles, merge_margins

MARGINS = st.floats(0, allow_nan=False)


@given(MARGINS)
@example(0.0)
@example(1.0)
@example(math.nextafter(1.0, 2.0))
@example(5e-324)
@example(2.0**1023)
@example(1.7976931348623157e308)
@example(math.inf)
def test_a_margin_lies_in_its_bin(margin: float) -> None:
    edge = bin_edge(margin_bin(margin))
    edge_below = 2.0**1023 if edge == math.inf else edge / 2  # half of 5e-324 is 0
    assert edge_below < margin <= edge or margin == edge == 0


def test_what_agrees_and_what_does_not_share_no_bin() -> None:
    assert margin_bin(1.0) == "2^0"
    assert margin_bin(math.nextafter(1.0, 2.0)) == "2^1"
    assert margin_bin(0.0) == "0"
    assert margin_bin(2.0**-12) == "2^-12"


def test_histograms_add_up_with_the_smallest_first() -> None:
    merged = merge_margins([{"2^-3": 2, "inf": 1}, {"0": 5, "2^-12": 1, "2^-3": 1}, {}])
    assert list(merged.items()) == [("0", 5), ("2^-12", 1), ("2^-3", 3), ("inf", 1)]


@given(st.lists(MARGINS, min_size=1), st.floats(0, 1))
@example([0.0, 1.0], 0.5)
@example([0.0, 1.0], 1.0)
def test_a_quantile_is_the_edge_above_that_of_the_margins(margins: list[float], fraction: float) -> None:
    histogram = merge_margins({margin_bin(margin): 1} for margin in margins)
    (found,) = margin_quantiles(histogram, [fraction])
    exact = sorted(margins)[max(0, math.ceil(fraction * len(margins)) - 1)]
    assert found == bin_edge(margin_bin(exact))


def test_no_margins_have_no_quantile() -> None:
    with pytest.raises(ValueError, match="no quantile of no margins"):
        margin_quantiles({}, [0.5])
