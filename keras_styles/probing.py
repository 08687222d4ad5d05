"""Probing: runs probes in a process of their own, so that one that crashes or hangs stops no other."""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, get_args

from keras_styles.differences import Difference, Engine, Outcome, Verdict
from keras_styles.engines import ENGINE_VARIABLE, why_not_installed
from keras_styles.environment import Environment
from keras_styles.errors import KerasStylesError
from keras_styles.records import DifferencesRecord, ProbedDifference, ProbedEngine

# A probe takes tenths of a second. The slowest took 13 s alone on a busy machine, and in a suite four share two cores.
SECONDS_PER_PROBE: Final = 300.0
# An engine is imported within 5 to 10 seconds.
SECONDS_TO_START: Final = 300.0


class ProbingError(KerasStylesError):
    """A process for probes that cannot be had."""


class _NoAnswerError(Exception):
    """Why a process did not answer."""

    def __init__(self, verdict: Verdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict


class Prober:
    """Runs probes on one engine; a process is started when it is needed, and again after one was lost."""

    def __init__(self, engine: str, seconds_per_probe: float = SECONDS_PER_PROBE) -> None:
        self.engine = engine
        self._limit = seconds_per_probe
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._said: IO[bytes] | None = None
        self._environment: Environment | None = None

    @property
    def environment(self) -> Environment:
        """The environment that probes run in."""
        if self._environment is None:
            self._start()
        assert self._environment is not None
        return self._environment

    def probe(self, difference: Difference) -> ProbedDifference:
        """Run an entry's probe and judge what it saw."""
        environment = self.environment
        try:
            answer = self._ask(difference.probe)
        except _NoAnswerError as error:
            return ProbedDifference(id=difference.id, verdict=error.verdict, reason=str(error))
        outcomes = {name: Outcome(**outcome) for name, outcome in answer["outcomes"].items()}
        verdict, reason = difference.judge(outcomes, self.engine, environment.keras)
        return ProbedDifference(
            id=difference.id, verdict=verdict, reason=reason, outcomes=outcomes, seconds=answer["seconds"]
        )

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._said is not None:
            self._said.close()
            self._said = None

    def _ask(self, probe: Path) -> dict[str, Any]:
        if self._process is None:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{probe}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended after its last answer; waiting for the next one finds that
        return self._wait(self._limit, probe.name)

    def _start(self) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # closed in `close`
        self._answers = queue.Queue()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "keras_styles.probe_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env={**os.environ, ENGINE_VARIABLE: self.engine},
            text=True,
            encoding="utf-8",
        )
        threading.Thread(target=_read, args=(self._process, self._answers), daemon=True).start()
        try:
            answer = self._wait(SECONDS_TO_START, f"the process for {self.engine}")
        except _NoAnswerError as error:
            raise ProbingError(f"No probe can run: {error}") from error
        self._environment = Environment.model_validate(answer["environment"])

    def _wait(self, seconds: float, what: str) -> dict[str, Any]:
        """Return the next answer; a process without one is lost."""
        assert self._process is not None
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            self.close()
            raise _NoAnswerError("timed out", f"{what} took longer than {seconds:g} s and was stopped.") from None
        if line is None:
            code = self._process.wait()
            last = self._last_words()
            self.close()
            raise _NoAnswerError("crashed", f"{what} ended its process with exit code {code}: {last}.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        assert self._said is not None
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", errors="replace").strip().splitlines()
        return lines[-1].rstrip(".") if lines else "it said nothing"


def _read(process: "subprocess.Popen[str]", answers: "queue.Queue[str | None]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        answers.put(line)
    answers.put(None)


@contextmanager
def prober(engine: str, seconds_per_probe: float = SECONDS_PER_PROBE) -> Iterator[Prober]:
    """Give a prober for an engine, and end its process afterwards."""
    made = Prober(engine, seconds_per_probe)
    try:
        yield made
    finally:
        made.close()


def probe_engines(
    differences: Sequence[Difference], show: Callable[[str, str], None] = lambda engine, identifier: None
) -> DifferencesRecord:
    """Run the probes of some entries on every engine and return the record; one that is not installed is skipped.

    Args:
        differences: whose probes to run.
        show: called after each probe, with the engine and the entry's id.
    """
    runs = []
    for engine in get_args(Engine):
        probed: list[ProbedDifference] = []
        skipped = why_not_installed(engine)
        environment = None
        if skipped is None:
            with prober(engine) as running:
                environment = running.environment
                for difference in differences:
                    probed.append(running.probe(difference))
                    show(engine, difference.id)
        runs.append(ProbedEngine(engine=engine, environment=environment, skipped=skipped, differences=probed))
    return DifferencesRecord(created=datetime.now(UTC), engines=runs)
