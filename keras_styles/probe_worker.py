"""The process in which probes run: reads paths from standard input, answers each with a line of JSON.

`keras_styles/probing.py` starts it and stops it; a probe that crashes or hangs takes only this process with it.
"""

import json
import os
import re
import runpy
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_styles import runtime
from keras_styles.differences import Outcome, style_of

keras = runtime.keras


def observe(path: str) -> dict[str, Outcome]:
    """Run a probe: call each of its functions that is named for a style, and return what they did."""
    functions = runpy.run_path(path)
    return {name: _outcome(function) for name, function in functions.items() if style_of(name)}


def _outcome(function: Callable[[], Any]) -> Outcome:
    # Names of layers are counted and generators are seeded throughout a process; no probe should feel another.
    keras.backend.clear_session(free_memory=False)
    keras.config.set_dtype_policy("float32")
    keras.utils.set_random_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = _plain(function())
        except Exception as error:  # whatever it is, it is what this style does
            return Outcome(error=type(error).__name__, says=_text(error))
    # Keras speaks to its users in UserWarnings; deprecations inside of engines are other news.
    said = [_text(warning.message) for warning in caught if warning.category is UserWarning]
    return Outcome(value=value, warning=" | ".join(dict.fromkeys(said)) or None)


def _text(message: Any) -> str:
    """Return a message in one line, without the folder that this machine keeps packages in: it goes on record."""
    return re.sub(r"\S*site-packages/", "", " ".join(str(message).split()))


def _plain(value: Any) -> Any:
    """Return a value as JSON and YAML know it."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def main() -> None:
    """Answer until standard input ends."""
    # What probes print goes to standard error; the answers have the pipe for themselves.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(what: dict[str, Any]) -> None:
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    answer({"environment": runtime.environment(device="cpu").model_dump()})
    for line in sys.stdin:
        start = time.perf_counter()
        outcomes = observe(line.rstrip("\n"))
        seconds = time.perf_counter() - start
        answer({"seconds": seconds, "outcomes": {name: each.model_dump() for name, each in outcomes.items()}})


if __name__ == "__main__":
    main()
