"""Builder source: the text of functions that build models, with all that they use, fit for a script of its own."""

import ast
import builtins
import inspect
import re
import symtable
import sys
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

# What a stand-alone script may import. Keras itself is there under the name that the architectures give it.
ALLOWED = ("keras", "numpy", "os", "sys")


class NoSourceError(Exception):
    """Why a builder's text cannot stand alone; half a sentence."""


def builder_source(builders: Iterable[Callable[..., Any]]) -> str:
    """Return Python that defines the builders under their names, for a file that has imported `keras`.

    The text is that of their files, less annotations, which would need more imports.

    Raises:
        NoSourceError: if a builder is no function at the top of a file that can be read, or needs anything that is
            not at the top of such a file, in Keras or in NumPy.
    """
    script = _Script()
    for builder in builders:
        name = getattr(builder, "__qualname__", repr(builder))
        module = sys.modules.get(getattr(builder, "__module__", ""))
        if module is None or getattr(module, name, None) is not builder:
            raise NoSourceError(f"the builder {name} is not a function at the top of a file")
        script.add(module, name)
    return "\n\n\n".join(script.parts.values()) + "\n"


class _Script:
    """Definitions in the order in which they need each other."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}
        self._origins: dict[str, str] = {}

    def add(self, module: ModuleType, name: str) -> None:
        """Add what a module defines under a name, after all that it needs itself."""
        file = _File.of(module)
        if name not in file.statements:
            if hasattr(builtins, name):
                return
            raise NoSourceError(f"{name} is not defined at the top of {module.__name__}")
        statement = file.statements[name]
        if isinstance(statement, ast.Import | ast.ImportFrom):
            self._import(statement, name)
            return
        text = file.text(statement)
        if self._seen(name, text):
            return
        for needed in sorted(_names_needed(text) - {name}):
            self.add(module, needed)
        self.parts[name] = text

    def _seen(self, name: str, text: str) -> bool:
        """Say whether a name was added before, or is being added, and note it."""
        before = name in self._origins
        if self._origins.setdefault(name, text) != text:
            raise NoSourceError(f"the two builders mean different things by {name}")
        return before or text in self.parts.values()

    def _import(self, statement: ast.Import | ast.ImportFrom, name: str) -> None:
        alias = next(alias for alias in statement.names if _bound_by_import(alias) == name)
        origin = alias.name if isinstance(statement, ast.Import) else statement.module or ""
        if isinstance(statement, ast.ImportFrom) and (origin, alias.name) == ("keras_styles.runtime", "keras"):
            if name != "keras":
                self.parts[name] = f"{name} = keras"
            return
        if origin.partition(".")[0] in ALLOWED:
            alone = type(statement)(**{**dict(ast.iter_fields(statement)), "names": [alias]})
            if (text := ast.unparse(alone)) != "import keras" and not self._seen(name, text):
                self.parts[name] = text
            return
        module = sys.modules.get(origin)
        if isinstance(statement, ast.ImportFrom) and module is not None and origin.startswith("keras_styles."):
            self.add(module, alias.name)
            if name != alias.name:
                self.parts[name] = f"{name} = {alias.name}"
            return
        raise NoSourceError(f"it needs {ast.unparse(statement)!r}, and the script imports {', '.join(ALLOWED)} only")


class _File:
    """A module's source, with what it defines at its top by name."""

    def __init__(self, source: str) -> None:
        self._bytes = source.encode()
        lines = self._bytes.splitlines(keepends=True)
        self._starts = [0]
        for line in lines:
            self._starts.append(self._starts[-1] + len(line))
        tree = ast.parse(source)
        self.statements = {name: statement for statement in tree.body for name in _names_bound(statement)}

    @classmethod
    def of(cls, module: ModuleType) -> "_File":
        try:
            return cls(inspect.getsource(module))
        except (OSError, TypeError, SyntaxError) as error:
            raise NoSourceError(f"the source of {module.__name__} cannot be read ({error})") from error

    def text(self, statement: ast.stmt) -> str:
        """Return a statement as it stands in the file, without annotations and what is said to a type checker."""
        decorators = getattr(statement, "decorator_list", [])
        start = self._starts[min(node.lineno for node in [statement, *decorators]) - 1]
        text, end = b"", self._end(statement)
        for first, last in sorted(self._annotations(statement)):
            text += self._bytes[start:first]
            start = last
        text += self._bytes[start:end]
        return re.sub(r"[ \t]*# type: ignore\b.*", "", text.decode())

    def _annotations(self, statement: ast.stmt) -> Iterator[tuple[int, int]]:
        for node in ast.walk(statement):
            if isinstance(node, ast.arg) and node.annotation:
                yield self._start(node) + len(node.arg.encode()), self._end(node.annotation)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns:
                arrow = self._bytes.rindex(b"->", 0, self._start(node.returns))
                yield arrow - (self._bytes[arrow - 1 : arrow] == b" "), self._end(node.returns)
            elif isinstance(node, ast.AnnAssign) and node.value:
                yield self._end(node.target), self._end(node.annotation)

    def _start(self, node: Any) -> int:
        return int(self._starts[node.lineno - 1] + node.col_offset)

    def _end(self, node: Any) -> int:
        return int(self._starts[node.end_lineno - 1] + node.end_col_offset)


def _names_bound(statement: ast.stmt) -> list[str]:
    """Return the names that a statement at the top of a file defines."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [_bound_by_import(alias) for alias in statement.names]
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [node.id for target in targets if target for node in ast.walk(target) if isinstance(node, ast.Name)]


def _bound_by_import(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _names_needed(text: str) -> set[str]:
    """Return the names that a definition takes from its file."""
    needed: set[str] = set()
    tables = [symtable.symtable(text, "builder", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        here = table.get_type() == "module"
        needed |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (here or s.is_global())}
    return needed
