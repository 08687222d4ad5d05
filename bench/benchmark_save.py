"""A pytest plugin that lets `--benchmark-save` be typed without a NAME; it then saves under an automatic one.

pytest-benchmark takes that for a usage error. Its plugin can only be corrected before the command line is parsed, which
no conftest.py is early enough for; so pyproject.toml loads this module by name.
"""

from datetime import UTC, datetime

import pytest

from keras_styles.records import stamp


class _Correction:
    def __init__(self, parser: pytest.Parser) -> None:
        self._parser = parser

    def pytest_plugin_registered(self) -> None:
        """Make the NAME optional as soon as pytest-benchmark has declared its option."""
        for option in self._parser.getgroup("benchmark").options:
            if "--benchmark-save" in option.names():
                option.attrs().update(nargs="?", const=stamp(datetime.now(UTC)))


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Watch for pytest-benchmark, which is registered after this plugin."""
    pluginmanager.register(_Correction(parser), "keras-styles-benchmark-save")
