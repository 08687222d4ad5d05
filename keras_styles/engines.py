"""Engines: which one is chosen, on which device and how many cores, told without importing any of them."""

import importlib.util
import os
from importlib import metadata
from typing import Final

from keras_styles.errors import KerasStylesError
from keras_styles.recipes import Mode

ENGINE_VARIABLE: Final = "KERAS_BACKEND"
DEVICE_VARIABLE: Final = "KERAS_STYLES_DEVICE"

# How each engine can execute a step; the first is what it does for users who set nothing. Keras has no other mode for
# torch without a compiler toolchain, and compiles everything that is not eager with XLA on jax.
MODES: Final[dict[str, tuple[Mode, ...]]] = {
    "tensorflow": ("graph", "eager", "xla"),
    "jax": ("xla", "eager"),
    "torch": ("eager",),
}
ENGINES: Final = tuple(MODES)
DEVICES: Final = ("cpu", "gpu")


class RuntimeChoiceError(KerasStylesError):
    """An engine, device or mode that was asked for and is not there."""


def chosen_engine() -> str:
    """Return the engine that `KERAS_BACKEND` asks for, tensorflow if it is silent.

    Raises:
        RuntimeChoiceError: if it cannot train here, or is not installed.
    """
    chosen = os.environ.get(ENGINE_VARIABLE) or "tensorflow"
    if chosen not in ENGINES:
        raise RuntimeChoiceError(
            f"{ENGINE_VARIABLE}={chosen} names no engine that can train here; set it to one of {', '.join(ENGINES)}."
        )
    if reason := why_not_installed(chosen):
        raise RuntimeChoiceError(f"{ENGINE_VARIABLE}={chosen}, but {reason}, or choose another engine.")
    return chosen


def why_not_installed(engine: str) -> str | None:
    """Say that an engine is not installed and how to mend that, or None if it is."""
    if importlib.util.find_spec(engine) is not None:
        return None
    extra = "" if engine == "tensorflow" else f"[{engine}]"
    return (
        f"the package {engine} is not installed; run pip install 'keras-styles{extra}' "
        f"(in a checkout: pip install -e '.{extra}')"
    )


def named_device() -> str:
    """Return the device that `KERAS_STYLES_DEVICE` names, the CPU if it is silent; whether it is there is not asked."""
    return os.environ.get(DEVICE_VARIABLE) or "cpu"


def usable_cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def installed_version(package: str) -> str:
    """Return the version that a package was installed as, without importing it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # found on the path, but never installed
        return "of unknown version"
