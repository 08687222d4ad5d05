"""Workers: how many processes share the tests that were asked for, when nobody said how many."""

from pathlib import Path

import pytest

from keras_styles.engines import named_device, usable_cores

HERE = Path(__file__).parent

# What is done in one process: a debugger and -s need the terminal, and the others run no test.
ONE_PROCESS = (
    *("usepdb", "trace", "collectonly", "setuponly", "setupplan", "setupshow"),
    *("showfixtures", "show_fixtures_per_test", "markers", "cacheshow", "help", "version"),
)

# Each worker begins with its share of the tests in the order of their files, so that most of a file meets the models
# that it compiled, and takes from the others' rest when its own is done. On two cores TensorFlow took 37 s that way and
# with tests handed out in turns ("load"), which tears more files apart the more workers there are; 46 s with whole
# files ("loadfile"), which cannot be balanced, and 51 s in one process.
DISTRIBUTION = "worksteal"


def paths_asked_for(config: pytest.Config) -> list[Path]:
    """Return the files and folders on the command line, without the tests named within them."""
    return [Path(argument.split("::")[0]).resolve() for argument in config.args]


def default_workers(config: pytest.Config) -> int:
    """Return how many workers serve this command line best: one for each core, or 0 for this process alone."""
    if any(config.getoption(name, None) for name in ONE_PROCESS) or config.getoption("capture") == "no":
        return 0
    if not all(HERE in (path, *path.parents) for path in paths_asked_for(config)):
        return 0  # what else was asked for may be measured, or may start processes of its own
    if named_device() != "cpu":
        return 0  # each process would claim the GPU's whole memory for itself
    cores = usable_cores()
    if all("::" in argument for argument in config.args):
        cores = min(cores, len(config.args))  # a single test gains nothing from workers, but would pay their start
    return cores if cores > 1 else 0


def choose(config: pytest.Config) -> None:
    """Set pytest-xdist's options as if they had been typed, unless they were."""
    options = config.option
    if not config.pluginmanager.hasplugin("xdist") or hasattr(config, "workerinput") or options.tx or options.distload:
        return
    if options.numprocesses is None:
        options.numprocesses = default_workers(config) or None
    if options.numprocesses and options.dist == "no":
        options.dist = DISTRIBUTION
