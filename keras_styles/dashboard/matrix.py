"""The matrix of differences: what each style was last seen to do on each engine, by entry of the ledger."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from keras_styles.differences import LOST_OR_CHANGED, Difference, Kind, Verdict
from keras_styles.environment import RETIRED, Environment
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
    def place(self) -> tuple[str, str, str]:
        """Engine, machine and device; the last two are empty where they are not known."""
        here = self.environment
        return (self.engine, here.machine, here.device) if here else (self.engine, "", "")

    @property
    def is_trouble(self) -> bool:
        """Whether the entry did not hold any more, or its probe was lost."""
        return self.probed.verdict in LOST_OR_CHANGED


@dataclass(frozen=True)
class Row:
    """One entry.

    Attributes:
        difference: of the ledger.
        sightings: the newest in each place with each version of its engine and of Keras, the newest first.
    """

    difference: Difference
    sightings: Sequence[Sighting]

    @property
    def newest(self) -> dict[str, Sighting]:
        """The newest sighting on each engine."""
        return {each.engine: each for each in reversed(self.sightings)}

    @property
    def current(self) -> list[Sighting]:
        """The newest sighting in each place, but where its engine was probed a month later elsewhere: that may be gone.

        What was seen on one machine or device says nothing of another, where it may well be otherwise.
        """
        newest = self.newest
        by_place: dict[tuple[str, str, str], Sighting] = {}
        for sighting in self.sightings:
            by_place.setdefault(sighting.place, sighting)
        return [each for each in by_place.values() if newest[each.engine].created - each.created <= RETIRED]

    @property
    def seen(self) -> Mapping[tuple[str, str], Kind]:
        """Kinds of outcomes by style and engine, as far as they were seen."""
        return self._kinds(self.newest)

    def seen_with(self, keras: str) -> Mapping[tuple[str, str], Kind]:
        """Return kinds of outcomes by style and engine, as far as they were seen with a version of Keras."""
        return self._kinds({each.engine: each for each in reversed(self.sightings) if each.versions[2] == keras})

    def _kinds(self, by_engine: Mapping[str, Sighting]) -> dict[tuple[str, str], Kind]:
        return {
            (style, engine): kind
            for engine, sighting in by_engine.items()
            for style, kind in kinds_by_style(self.difference, sighting.probed.outcomes).items()
        }

    @property
    def trouble(self) -> list[Sighting]:
        """Where the entry no longer holds, or its probe was lost."""
        return [sighting for sighting in self.current if sighting.is_trouble]

    @property
    def unclaimed(self) -> list[Sighting]:
        """Where the ledger says nothing of the version of Keras, though it does of others with that engine."""
        claimed = {engine for observation in self.difference.seen for engine in observation.engines}
        return [each for each in self.current if each.probed.verdict == "not claimed" and each.engine in claimed]

    @property
    def holds(self) -> bool:
        """Whether it was seen to hold, and is neither in trouble nor unclaimed anywhere."""
        seen = any(sighting.probed.verdict == "holds" for sighting in self.current)
        return seen and not self.trouble and not self.unclaimed

    def places(self, versions: Sequence[str]) -> list[tuple[str, str, str]]:
        """Return each style, engine and version of Keras with which it does other than one would expect.

        That is what was seen. Of an engine on which nothing was, it is what the ledger says.

        Args:
            versions: of Keras, for which to ask the ledger; of none it tells what it says of any.
        """
        found: dict[tuple[str, str, str], Kind] = {}
        for sighting in self.sightings:
            for style, kind in kinds_by_style(self.difference, sighting.probed.outcomes).items():
                found.setdefault((style, sighting.engine, sighting.versions[2]), kind)
        probed = {sighting.engine for sighting in self.sightings}
        for observation in self.difference.seen:
            kinds = kinds_by_style(self.difference, observation.styles)
            for engine in (engine for engine in observation.engines if engine not in probed):
                covered = [version for version in versions if observation.covers(engine, version)]
                for version in covered if versions else [""]:
                    found |= {(style, engine, version): kind for style, kind in kinds.items()}
        return [place for place, kind in found.items() if kind != "equal"]

    @property
    def keras_versions(self) -> list[str]:
        """The versions of Keras with which it was probed, the oldest first."""
        return in_order(each.environment.keras for each in self.sightings if each.environment)


def in_order(versions: Iterable[str]) -> list[str]:
    """Return versions, each once, from the oldest to the newest; first what is none, as only a damaged record has."""

    def rank(text: str) -> tuple[bool, Version, str]:
        try:
            return True, Version(text), text
        except InvalidVersion:
            return False, Version("0"), text

    return sorted(set(versions), key=rank)


class Change(NamedTuple):
    """A verdict that is another than the time before."""

    id: str
    engine: str
    before: Verdict
    now: Verdict


class Probing(NamedTuple):
    """A run of the probes on one engine."""

    engine: str
    environment: Environment
    created: datetime
    entries: int  # how many were probed


def matrix(differences: Sequence[Difference], records: Sequence[DifferencesRecord]) -> list[Row]:
    """Return a row for each entry, in the ledger's order; what is no longer in the ledger has none.

    Args:
        differences: of the ledger.
        records: runs of the probes, of all entries or of some, in the order of time.
    """
    newest: dict[str, dict[tuple[str, ...], Sighting]] = {difference.id: {} for difference in differences}
    for record in reversed(records):
        for sighting in _sightings(record):
            newest.get(sighting.probed.id, {}).setdefault((*sighting.place, *sighting.versions), sighting)
    return [Row(difference, list(newest[difference.id].values())) for difference in differences]


def changes(records: Sequence[DifferencesRecord]) -> list[Change] | None:
    """Return what the newest runs saw otherwise than the ones before them that probed the same entries.

    On each machine and engine, what was seen in its last full run and since is compared with what was seen before:
    somebody who looks at one entry again makes no other change undone. None if nothing was probed there before.

    Args:
        records: runs of the probes in the order of time.
    """
    runs: dict[tuple[str | None, str], list[dict[str, Verdict]]] = {}
    for record in records:
        for run in record.engines:
            seen = {probed.id: probed.verdict for probed in run.differences}
            machine = run.environment.machine if run.environment else None
            runs.setdefault((machine, run.engine), []).append(seen)
    found, is_first = [], True
    for (_, engine), there in runs.items():
        # A file does not say whether all entries were asked for, and the ledger grows.
        enough = max(map(len, there)) / 2
        last_full = max(place for place, seen in enumerate(there) if len(seen) >= enough)
        before = {identifier: verdict for seen in there[:last_full] for identifier, verdict in seen.items()}
        now = {identifier: verdict for seen in there[last_full:] for identifier, verdict in seen.items()}
        both = [identifier for identifier in now if identifier in before]
        is_first = is_first and not both
        found += [
            Change(identifier, engine, before[identifier], now[identifier])
            for identifier in both
            if before[identifier] != now[identifier]
        ]
    return None if is_first else found


def newest_probings(records: Sequence[DifferencesRecord]) -> list[Probing]:
    """Return the newest run of the probes on each machine and engine.

    Args:
        records: runs of the probes in the order of time.
    """
    found: dict[tuple[str, str], Probing] = {}
    for record in records:
        for run in record.engines:
            if run.environment and run.differences:
                there = run.environment.machine, run.engine
                found[there] = Probing(run.engine, run.environment, record.created, len(run.differences))
    return list(found.values())


def _sightings(record: DifferencesRecord) -> Iterator[Sighting]:
    for run in record.engines:
        for probed in run.differences:
            yield Sighting(run.engine, run.environment, record.created, probed)
