"""What the ledger's probes cost on this engine, in the one process that all of them share: a round is a probe."""

from collections.abc import Callable

import pytest

from bench.cells import Cell, leaving_unmeasured
from keras_styles import runtime
from keras_styles.differences import ledger
from keras_styles.probing import prober


def test_probes(request: pytest.FixtureRequest, announce: Callable[[str], None]) -> None:
    info = {"kind": "probes", "engine": runtime.ENGINE, "device": "cpu"}
    with leaving_unmeasured(request, info):
        announce(f"running the {len(ledger())} probes of the ledger")
        with prober(runtime.ENGINE) as running:
            running.probe(ledger()[0])  # the first one also pays for what an engine imports late
            probed = [running.probe(difference) for difference in ledger()]
        seconds = [each.seconds for each in probed if each.seconds is not None]
        assert len(seconds) == len(probed), "a probe was lost, so this would be the cost of the others"
        Cell("probes", seconds, info).report(request)
