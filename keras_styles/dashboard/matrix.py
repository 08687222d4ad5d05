"""The matrix of differences: what each style was last seen to do on each engine, by entry of the ledger."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from keras_styles.differences import LOST_OR_CHANGED, Difference, Kind, Verdict
from keras_styles.environment import Environment
from keras_styles.ledger_text import kinds_by_style
from keras_styles.records import DifferencesRecord, ProbedDifference


@dataclass(frozen=True)
class Sighting:
    """What became of one probe, on one engine, once."""

    engine: str
    environment: Environment | None
    created: datetime
    probed: ProbedDifference

    @property
    def versions(self) -> tuple[str, str, str]:
        """Engine, its version and that of Keras; empty where they are not known."""
        here = self.environment
        return (self.engine, here.engine_version, here.keras) if here else (self.engine, "", "")

    @property
    def is_trouble(self) -> bool:
        """Whether the entry did not hold any more, or its probe was lost."""
        return self.probed.verdict in LOST_OR_CHANGED


@dataclass(frozen=True)
class Row:
    """One entry.

    Attributes:
        difference: of the ledger.
        sightings: the newest with each version of each engine and of Keras, the newest first.
    """

    difference: Difference
    sightings: Sequence[Sighting]

    @property
    def newest(self) -> dict[str, Sighting]:
        """The newest sighting on each engine."""
        return {each.engine: each for each in reversed(self.sightings)}

    @property
    def seen(self) -> Mapping[tuple[str, str], Kind]:
        """Kinds of outcomes by style and engine, as far as they were seen."""
        return {
            (style, engine): kind
            for engine, sighting in self.newest.items()
            for style, kind in kinds_by_style(self.difference, sighting.probed.outcomes).items()
        }

    @property
    def trouble(self) -> list[Sighting]:
        """Where the entry no longer holds, or its probe was lost."""
        return [sighting for sighting in self.newest.values() if sighting.is_trouble]

    @property
    def places(self) -> list[str]:
        """Each style, each engine, and each style with its engine, that was seen to do other than one would expect."""
        unequal = [(style, engine) for (style, engine), kind in self.seen.items() if kind != "equal"]
        return list(dict.fromkeys(name for style, engine in unequal for name in (style, engine, f"{style} {engine}")))

    @property
    def keras_versions(self) -> list[str]:
        """The versions of Keras with which it was probed."""
        return sorted({each.environment.keras for each in self.sightings if each.environment})


class Change(NamedTuple):
    """A verdict that is another than the time before."""

    id: str
    engine: str
    before: Verdict
    now: Verdict


def matrix(differences: Sequence[Difference], records: Sequence[DifferencesRecord]) -> list[Row]:
    """Return a row for each entry, in the ledger's order; what is no longer in the ledger has none.

    Args:
        differences: of the ledger.
        records: runs of the probes, of all entries or of some, in the order of time.
    """
    newest: dict[str, dict[tuple[str, str, str], Sighting]] = {difference.id: {} for difference in differences}
    for record in reversed(records):
        for sighting in _sightings(record):
            newest.get(sighting.probed.id, {}).setdefault(sighting.versions, sighting)
    return [Row(difference, list(newest[difference.id].values())) for difference in differences]


def changes(records: Sequence[DifferencesRecord]) -> list[Change] | None:
    """Return what the newest run saw otherwise than the one before it that probed the same entry.

    On the same machine and engine; None if nothing that it probed was probed there before.

    Args:
        records: runs of the probes in the order of time.
    """
    before: dict[tuple[str | None, str, str], Verdict] = {}
    for record in records[:-1]:
        before |= {_key(sighting): sighting.probed.verdict for sighting in _sightings(record)}
    now = {_key(sighting): sighting.probed.verdict for record in records[-1:] for sighting in _sightings(record)}
    if not before.keys() & now.keys():
        return None
    return [
        Change(key[2], key[1], before[key], verdict)
        for key, verdict in now.items()
        if key in before and before[key] != verdict
    ]


def _key(sighting: Sighting) -> tuple[str | None, str, str]:
    return sighting.environment.machine if sighting.environment else None, sighting.engine, sighting.probed.id


def _sightings(record: DifferencesRecord) -> Iterator[Sighting]:
    for run in record.engines:
        for probed in run.differences:
            yield Sighting(run.engine, run.environment, record.created, probed)
