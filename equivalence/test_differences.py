"""Differences: every entry of the ledger is what its probe sees now, on this engine and version."""

from collections.abc import Iterator

import pytest

from keras_styles import runtime
from keras_styles.differences import Difference, ledger
from keras_styles.probing import Prober, prober

pytestmark = pytest.mark.compares_no_trainings(reason="it compares what a probe sees with the ledger")


@pytest.fixture(scope="session")
def running() -> Iterator[Prober]:
    """One process for all probes of this process; it is started when the first of them runs."""
    with prober(runtime.ENGINE) as made:
        yield made


@pytest.mark.parametrize("difference", ledger(), ids=lambda difference: difference.id)
def test_probe_sees_what_the_ledger_says(running: Prober, difference: Difference) -> None:
    probed = running.probe(difference)
    if probed.verdict == "not claimed":
        pytest.skip(probed.reason)  # what cannot be tried on an engine is in no block of the entry for it
    if probed.verdict != "holds":
        pytest.fail(probed.reason, pytrace=False)
