"""Saved gates: what each file of the gate comes to, without the rounds of its processes, and which are the newest."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from keras_styles.environment import Environment
from keras_styles.gate import UNDER_TEST, CellDecision, ExitCode, GateRecord, regressions
from keras_styles.records import ResultsError, load

# What a gate says by its exit code.
SIGNS: Final[Mapping[ExitCode, str]] = {0: "✓", 1: "✗", 2: "⚠"}
MEANINGS: Final[Mapping[ExitCode, str]] = {
    0: "nothing was shown to be worse",
    1: "head is worse than base",
    2: "nothing is proved",
}


@dataclass(frozen=True)
class Gate:
    """A gate, taken apart.

    Attributes:
        path: its file.
        base: the old environment.
        head: the new one.
        architectures: the names of what was compared.
        cells: how many were timed on both sides.
        sentences: all that it said, the most important first.
        exact: sentences on counters and on styles that are no more equal.
        unsorted: sentences of a record that does not say which of these they are.
    """

    path: Path
    created: datetime
    exit_code: ExitCode
    base: Environment
    head: Environment
    architectures: list[str]
    cells: int
    sentences: list[str]
    exact: list[str]
    slower: list[CellDecision]
    doubts: list[str]
    notes: list[str]
    unsorted: list[str]

    @classmethod
    def of(cls, path: Path, record: GateRecord) -> Self:
        """Take a record apart, which has a process of either side."""
        doubts: list[str] = record.doubts
        unsorted: list[str] = []
        if record.schema_version == 1:
            doubts, unsorted = [record.sentences if record.exit_code == code else [] for code in (2, 1)]
        return cls(
            path=path,
            created=record.created,
            exit_code=record.exit_code,
            base=record.base[0].environment,
            head=record.head[0].environment,
            architectures=sorted({measured.workload.architecture for measured in record.base[0].measured}),
            cells=len(record.decisions),
            sentences=record.sentences,
            exact=record.failures,
            # Doubts take away what the confirmations found.
            slower=regressions(record.confirmations) if record.slower and not record.doubts else [],
            doubts=doubts,
            notes=record.notes,
            unsorted=unsorted,
        )

    @property
    def sides(self) -> tuple[Environment, Environment]:
        """The environments of base and head."""
        return self.base, self.head

    @property
    def place(self) -> tuple[str, str, str]:
        """Where it was run: machine, engine and device."""
        return self.base.machine, self.base.engine, self.base.device

    @property
    def key(self) -> tuple[str, ...]:
        """What a gate has to share with a newer one to be replaced by it: where, and what was compared with what.

        Not the commits: they change with every push, which is what makes the older gate worthless.
        """
        fields = sorted(UNDER_TEST - {"commit"})
        versions = [getattr(side, name) for side in self.sides for name in fields]
        return (*self.place, *self.architectures, *versions)


def read_gates(results: Path) -> tuple[list[Gate], list[str]]:
    """Return all gates under `results` in the order of their files, and a sentence for each that cannot be read."""
    gates, set_aside = [], []
    for path in sorted(results.glob("*/gate-*.json")):
        try:
            record = load(path, GateRecord)
        except ResultsError as error:
            set_aside.append(str(error))
            continue
        if record.base and record.head:
            gates.append(Gate.of(path, record))
        else:
            set_aside.append(f"The record {path} holds no processes of base or of head; delete it.")
    return gates, set_aside


def newest_gates(gates: Iterable[Gate], key: Callable[[Gate], Hashable] = lambda gate: gate.key) -> list[Gate]:
    """Return the newest gate of each key."""
    newest: dict[Hashable, Gate] = {}
    for gate in gates:
        newest[key(gate)] = max(gate, newest.get(key(gate), gate), key=lambda each: each.created)
    return list(newest.values())
