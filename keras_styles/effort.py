"""Effort: what a style asks of a programmer, counted in the source of the architectures."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from keras_styles.architectures import Architecture
from keras_styles.builder_source import builder_source

# What a class has only so that Keras can save, load, clone and build it: methods, collected keywords, a decorator.
BY_HAND: Final = ("get_config", "build", "kwargs", "register_keras_serializable")


@dataclass(frozen=True)
class Effort:
    """What it took to write some models.

    Attributes:
        lines: of code, without blank ones, comments and docstrings.
        names: distinct names of Keras and of Python's object model that one has to know.
        by_hand: how often something is there only so that the model can be saved, loaded, cloned or built.
    """

    lines: int
    names: int
    by_hand: int


def effort(architectures: Iterable[Architecture], style: str) -> Effort:
    """Return what it took to write these architectures in a style, from their constants to their variables."""
    lines, by_hand, names = 0, 0, set[str]()
    for architecture in architectures:
        tree = ast.parse(builder_source([architecture.builders[style]]))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
                node.body = node.body[1:] or [ast.Pass()]
        lines += len(ast.unparse(tree).replace("\n\n", "\n").splitlines())
        names |= set(_names(tree))
        by_hand += sum(name in BY_HAND for name in _declared(tree))
    return Effort(lines, len(names), by_hand)


def _names(tree: ast.AST) -> Iterable[str]:
    """Yield the names that are not the author's own: attributes of Keras, and methods that Python or Keras call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            yield node.attr
        elif isinstance(node, ast.FunctionDef) and any(argument.arg == "self" for argument in node.args.args):
            yield node.name
        elif isinstance(node, ast.Name) and node.id in ("super", "self"):
            yield node.id


def _declared(tree: ast.AST) -> Iterable[str]:
    """Yield the names of methods, of collected keywords and of decorators."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield node.name
            if node.args.kwarg:
                yield node.args.kwarg.arg
        if isinstance(node, ast.ClassDef):
            for decorator in node.decorator_list:
                yield from (part.attr for part in ast.walk(decorator) if isinstance(part, ast.Attribute))
