"""The dashboard: records in, static pages out."""

from collections.abc import Mapping
from typing import Final

PAGES: Final[Mapping[str, str]] = {
    "index": "Today",
    "equivalence": "Equivalence",
    "differences": "Differences",
    "costs": "Costs",
    "history": "History",
    "trust": "Trust",
}
