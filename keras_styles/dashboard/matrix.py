"""The matrix of differences: what each style was last seen to do on each engine, by entry of the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keras_styles.differences import LOST_OR_CHANGED, Difference, Kind
from keras_styles.ledger_text import kinds_by_style
from keras_styles.records import DifferencesRecord


@dataclass(frozen=True)
class Row:
    """One entry.

    Attributes:
        difference: of the ledger.
        seen: kinds of outcomes by style and engine, as far as they were seen.
        trouble: a sentence for each engine on which the entry no longer holds, or its probe was lost.
        versions: of Keras with which it was probed.
    """

    difference: Difference
    seen: Mapping[tuple[str, str], Kind]
    trouble: Sequence[str]
    versions: Sequence[str]

    @property
    def styles(self) -> list[str]:
        """The styles that were seen to do other than one would expect."""
        return list(dict.fromkeys(style for (style, _), kind in self.seen.items() if kind != "equal"))

    @property
    def engines(self) -> list[str]:
        """The engines on which some style was seen to do so."""
        return list(dict.fromkeys(engine for (_, engine), kind in self.seen.items() if kind != "equal"))


def matrix(differences: Sequence[Difference], record: DifferencesRecord) -> list[Row]:
    """Return a row for each entry that was probed, in the ledger's order; what is no longer in the ledger has none."""
    rows = []
    for difference in differences:
        probed = [(run.engine, one) for run in record.engines for one in run.differences if one.id == difference.id]
        seen: dict[tuple[str, str], Kind] = {
            (style, engine): kind
            for engine, one in probed
            for style, kind in kinds_by_style(difference, one.outcomes).items()
        }
        trouble = [one.reason for _, one in probed if one.verdict in LOST_OR_CHANGED]
        versions = dict.fromkeys(
            run.environment.keras for run in record.engines if run.environment and run.engine in dict(probed)
        )
        if probed:
            rows.append(Row(difference, seen, trouble, list(versions)))
    return rows
