"""The labels of the three styles, in the order in which they are always shown."""

from typing import Final

STYLES: Final = ("sequential", "functional", "subclassing")

# What costs are a ratio to.
BASELINE_STYLE: Final = "functional"
