"""Hash what a source file computes, independent of comments, docstrings and messages."""

import ast
import hashlib
import re
from collections.abc import Iterator
from typing import Any

_IMPORTED = re.compile(rb"^\s*from fusevad\.(models\.[\w.]+) import", re.MULTILINE)


def digest(content: bytes) -> str:
    """Short hash of bytes."""
    return hashlib.sha256(content).hexdigest()[:16]


def code_digest(content: bytes, name: str = "") -> str:
    """Hash of a file's code, or of one class in it; of the bytes, if the code doesn't parse.

    The same in every version of Python: fields of the syntax tree that some versions lack are
        empty.
    """
    try:
        tree: ast.AST = ast.parse(content)
    except (SyntaxError, ValueError):
        return digest(content)
    for node in ast.walk(tree):
        _drop_words(node)
    if name:
        found = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
        tree = next((node for node in found if node.name == name), tree)
    return digest(repr(_plain(tree)).encode())


def imported_methods(content: bytes) -> Iterator[str]:
    """Files of `models/` that a file imports from."""
    for module in _IMPORTED.findall(content):
        yield module.decode().replace(".", "/") + ".py"


def _drop_words(node: ast.AST) -> None:
    """Drop a docstring, and what `print`, `notice` and exceptions say, which are messages."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        node.body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    call = node.exc if isinstance(node, ast.Raise) else node
    if isinstance(call, ast.Call):
        called = ast.unparse(call.func)
        if call is not node or called in ("print", "notice") or called.endswith("Error"):
            call.args, call.keywords = [], []


def _plain(value: Any) -> Any:
    """A syntax tree as lists and texts, without positions and empty fields."""
    if isinstance(value, ast.AST):
        inner = ast.iter_fields(value)
        filled = [[key, _plain(each)] for key, each in inner if each is not None and each != []]
        return [type(value).__name__, filled]
    return [_plain(each) for each in value] if isinstance(value, list) else repr(value)
