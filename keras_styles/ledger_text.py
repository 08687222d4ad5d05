"""The ledger as text: for the terminal, a table of all entries and an explanation of one; for people, one page."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from keras_styles.claims import CLAIMS, SEED_CODE
from keras_styles.differences import Difference, Kind, Outcome, style_of
from keras_styles.engines import ENGINES
from keras_styles.records import DifferencesRecord
from keras_styles.styles import STYLES

# A probe's text defines functions only; with this below it, it is a script that shows what they do.
ENDING = """

for name, function in list(globals().items()):
    if name.startswith(("sequential", "functional", "subclassing")):
        try:
            print(name, "->", function())
        except Exception as error:
            print(name, "->", type(error).__name__, error)
"""

SYMBOLS: Mapping[Kind, str] = {"equal": "✓", "silent difference": "≠", "warning": "⚠", "error": "✗"}
_COLORS: Mapping[Kind, str] = {"equal": "green", "silent difference": "red", "warning": "yellow", "error": "magenta"}


def kinds_by_style(difference: Difference, outcomes: Mapping[str, Outcome]) -> dict[str, Kind]:
    """Return what kind of outcome each style is.

    What is special about a style, as in `subclassing_with_training`, is left to the explanation: here counts the style
    itself, or the first of its variants where there is no plain one.
    """
    found = {}
    for style in STYLES:
        names = [name for name in outcomes if style_of(name) == style]
        if names:
            found[style] = difference.kind(outcomes[style if style in names else names[0]])
    return found


def kinds(difference: Difference) -> dict[tuple[str, str], Kind]:
    """Return what kind of outcome each style is, by style and engine, as the ledger claims."""
    return {
        (style, engine): kind
        for observation in reversed(difference.seen)
        for engine in observation.engines
        for style, kind in kinds_by_style(difference, observation.styles).items()
    }


def script(difference: Difference) -> str:
    """Return an entry's probe as a script that runs alone and prints what each style does."""
    return difference.probe.read_text(encoding="utf-8") + ENDING


def table(differences: Sequence[Difference]) -> Table:
    """Return one row for each entry: what each style does, measured by what one would expect."""
    shown = Table("id", "what differs", *STYLES, title=f"{len(differences)} known differences")
    for difference in differences:
        by_style = kinds(difference)
        cells = []
        for style in STYLES:
            there = dict.fromkeys(by_style[style, engine] for engine in ENGINES if (style, engine) in by_style)
            cells.append("\n".join(f"[{_COLORS[kind]}]{kind}[/]" for kind in there) or "-")
        shown.add_row(difference.id, escape(difference.title), *cells)
    return shown


def explanation(difference: Difference) -> RenderableType:
    """Return all that the ledger says of an entry, and the script that shows it."""
    facts = Table.grid(padding=(0, 2))
    facts.add_row("category", f"{difference.category}, severity {difference.severity}")
    facts.add_row("expected", escape(str(difference.expected)))
    for observation in difference.seen:
        where = f"on {', '.join(observation.engines)}, Keras {observation.keras}"
        outcomes = [_line(difference, name, outcome) for name, outcome in observation.styles.items()]
        facts.add_row("seen", "\n".join([escape(where), *outcomes]))
    facts.add_row("confounders", escape(difference.confounders))
    if difference.history:
        facts.add_row("history", escape(difference.history))
    if difference.references:
        facts.add_row("references", escape("\n".join(difference.references)))
    facts.add_row("instead", escape(difference.instead))
    title = f"[bold]{difference.id}  {escape(difference.title)}[/]\n"
    return Group(title, facts, "", Syntax(script(difference), "python", background_color="default"))


def _line(difference: Difference, name: str, outcome: Outcome) -> str:
    kind = difference.kind(outcome)
    return f"  {escape(name)}: [{_COLORS[kind]}]{kind}[/], {escape(str(outcome))}"


def page(differences: Sequence[Difference], record: DifferencesRecord | None) -> str:
    """Return the ledger as one page of Markdown, with what the probes last saw.

    Args:
        differences: the entries, in the order of the page.
        record: of the newest run of the probes; None if there is none.
    """
    environment = Environment(
        loader=PackageLoader("keras_styles", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown; `text` and `code` escape what the page does not say itself
    )
    environment.filters |= {"text": markdown_text, "code": markdown_code, "link": _link}
    return environment.get_template("differences.md.j2").render(
        differences=differences,
        claims=CLAIMS,
        seed_code=SEED_CODE,
        kinds={difference.id: kinds(difference) for difference in differences},
        counts=Counter(difference.severity for difference in differences),
        styles=STYLES,
        engines=ENGINES,
        record=record,
        symbols=SYMBOLS,
        verdicts=_verdicts(record),
    )


def markdown_text(text: str) -> str:
    """Escape text for Markdown, also in a table; what stands between backticks stays code."""
    parts = text.split("`")
    if len(parts) % 2 == 0 or "``" in text:  # a backtick without its partner, or nothing between two
        parts = ["".join(parts)]
    shown = [
        f"`{part.replace('|', chr(92) + '|')}`" if number % 2 else re.sub(r"([\\*_\[\]<>|#~])", r"\\\1", part)
        for number, part in enumerate(parts)
    ]
    return "".join(shown)


def markdown_code(value: object) -> str:
    """Show a value as code in a table of Markdown, whatever is in it."""
    text = str(value).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    gap = " " if longest else ""
    return f"{fence}{gap}{text}{gap}{fence}"


def address(reference: str) -> str:
    """Return the address of a reference of the ledger, which is one itself or names a thread on GitHub."""
    if reference.startswith("https://"):
        return reference
    repository, number = reference.split("#")
    return f"https://github.com/{repository}/issues/{number}"


def _link(reference: str) -> str:
    where = address(reference)
    return f"<{where}>" if where == reference else f"[{reference}]({where})"


def _verdicts(record: DifferencesRecord | None) -> dict[tuple[str, str], str]:
    """Return the verdict on each entry by id and engine, for those engines that ran."""
    if record is None:
        return {}
    return {(probed.id, run.engine): probed.verdict for run in record.engines for probed in run.differences}
