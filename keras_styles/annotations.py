"""Annotations: what people know about the history of the benchmark, in a file that they write."""

import datetime
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

ANNOTATIONS_NAME: Final = "annotations.yaml"
_WHAT_TO_DO: Final = (
    "mend it: it is a list, of which each entry has a date such as 2026-11-25, without quotes, a text and, if it does "
    "not concern all, a machine, an engine or an architecture"
)

_Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Annotation:
    """What happened on a day, and what it concerns; None is any."""

    # Strictly a date: a number would be taken for seconds since 1970.
    date: Annotated[datetime.date, Field(strict=True)]
    text: _Text
    machine: _Text | None = None
    engine: _Text | None = None
    architecture: _Text | None = None

    def concerns(self, machine: str, engine: str) -> bool:
        """Tell whether it is about any architecture on a machine and an engine."""
        return self.machine in (None, machine) and self.engine in (None, engine)


_ANNOTATIONS: Final = TypeAdapter(list[Annotation])


def read_annotations(results: Path) -> tuple[list[Annotation], str | None]:
    """Read the annotations beside the folders of the machines.

    Returns:
        The annotations in the order of their dates, and None; or none of them, and a sentence that says why the file
        cannot be used. A file that is not there, or holds nothing yet, is no fault.
    """
    path = results / ANNOTATIONS_NAME
    try:
        entries = yaml.safe_load(path.read_bytes())
        found = _ANNOTATIONS.validate_python([] if entries is None else entries)
    except FileNotFoundError:
        return [], None
    except OSError as error:
        return [], f"The annotations {path} cannot be read ({error.strerror}); check its permissions."
    except ValidationError as error:
        first = error.errors()[0]
        return [], f"The annotations {path} cannot be used ({_where(first['loc'])}: {first['msg']}); {_WHAT_TO_DO}."
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as error:
        # Not all that PyYAML raises is its own: the 31st of November is a ValueError, what is tagged as a boolean and
        # is none a KeyError, as a date an AttributeError, and a list in a list in a list ... ends Python's stack.
        why = " ".join(str(error).split())
        return [], f"The annotations {path} cannot be used ({why}); {_WHAT_TO_DO}."
    return sorted(found, key=lambda annotation: annotation.date), None


def _where(location: tuple[int | str, ...]) -> str:
    """Return where something is wrong, with the entries counted from 1."""
    if not location:
        return "the file as a whole"
    number, *fields = location
    return ", ".join([f"entry {int(number) + 1}", *map(str, fields)])
