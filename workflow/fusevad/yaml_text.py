"""YAML as the configuration needs it: numbers as people write them, unique keys, no bombs."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, TypeVar

import yaml

from fusevad.json_text import MOST_BITS

# The loader in C if PyYAML has it: Snakemake reads the configuration at every start.
_BASE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
T = TypeVar("T")

_DEEPEST = 100
# Values of a file: each takes half a kilobyte while it is read.
_MOST = 3_000_000
# What PyYAML raises, beside its own errors, for a value that does not fit its tag.
_UNFIT = (AttributeError, IndexError, KeyError, OverflowError, TypeError, RecursionError)
_OCTAL = re.compile("[-+]?0[0-7_]+")
# The key `<<`, which takes over the keys of other mappings.
_MERGE = "tag:yaml.org,2002:merge"
# Values that aliases may add to those written out in a file; a text counts as one for each so many
# characters that it has.
_COPIES, _PIECE = 100_000, 64


class _OldLoader(_BASE):  # type: ignore[misc, valid-type]
    """`5e-4` is text, as in YAML 1.1; a duplicate key is an error."""

    def construct_document(self, node: yaml.Node) -> Any:
        """Construct the values of a checked document."""
        check_expansion(node, self._children, lambda each: each.value)
        return super().construct_document(node)

    def _children(self, node: yaml.Node) -> list[yaml.Node]:
        if isinstance(node, yaml.MappingNode):
            self._check_keys(node)
            return list(chain.from_iterable(node.value))
        return list(node.value) if isinstance(node, yaml.SequenceNode) else []

    def _check_keys(self, node: yaml.MappingNode) -> None:
        """Refuse a key that is given twice, as the same text (`1`, `'1'`) or value (`1`, `0x1`)."""
        texts: set[str] = set()
        values: dict[Any, str] = {}
        for key, _ in node.value:
            line = f"line {key.start_mark.line + 1}"
            if not isinstance(key, yaml.ScalarNode):
                raise ValueError(f"{line}: a key is a word or number")
            if key.value in texts:
                raise ValueError(f"{line}: key '{key.value}' is given twice; keep one")
            texts.add(key.value)
            if key.tag == _MERGE:
                continue
            same = values.setdefault(self.construct_object(key), key.value)
            if same != key.value:
                raise ValueError(
                    f"{line}: key '{key.value}' is '{same}' again, so given twice; keep one"
                )


class _Loader(_OldLoader):
    """`5e-4` is a number, as in YAML 1.2."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def _whole_number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    if _OCTAL.fullmatch(node.value):
        raise ValueError(
            f"line {node.start_mark.line + 1}: {node.value[:40]} is an octal number in YAML; write"
            " it without the leading 0, or in quotes"
        )
    # Not after its value is made: the time of `1:59:59` grows with the square of its length.
    if len(node.value) <= 2 * MOST_BITS:
        value = loader.construct_yaml_int(node)
        if value.bit_length() <= MOST_BITS:
            return value
    raise ValueError(f"line {node.start_mark.line + 1}: a number of too many digits")


_OldLoader.add_constructor("tag:yaml.org,2002:int", _whole_number)
_Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)


def load(text: str) -> Any:
    """Read a YAML document.

    Raises:
        yaml.YAMLError, ValueError: saying where the text is wrong.
    """
    return _load(text, _Loader)


def load_old(text: str | bytes) -> Any:
    """Read a document that PyYAML wrote, with the rules by which it was written.

    Raises:
        yaml.YAMLError, ValueError: saying where the text is wrong.
    """
    return _load(text, _OldLoader)


def _check_kinds(values: Any) -> None:
    """Raise `ValueError` for a set, whose order changes from process to process, or bytes."""
    for value in _each(values):
        if isinstance(value, set | bytes):
            tag, instead = ("set", "a list") if isinstance(value, set) else ("binary", "text")
            raise ValueError(f"a value with the tag !!{tag}; write {instead}")


def _check_texts(values: Any) -> None:
    """Raise `ValueError` for a text with the character that ends a path in C."""
    for value in _each(values):
        if isinstance(value, str) and "\0" in value:
            raise ValueError(f"{value[:40]!r}: a NUL character; remove it")


def _each(values: Any) -> Iterator[Any]:
    """All keys and values."""
    waiting, seen = [values], set()
    while waiting:
        value = waiting.pop()
        yield value
        if isinstance(value, Mapping | list) and id(value) not in seen:
            seen.add(id(value))
            waiting += [*value, *value.values()] if isinstance(value, Mapping) else value


def _load(text: str | bytes, loader: type[_OldLoader]) -> Any:
    _check_depth(text)
    try:
        values = yaml.load(text, loader)
    except _UNFIT as error:
        raise ValueError(f"a value that is not of its type ({error})") from error
    _check_kinds(values)
    _check_texts(values)
    return values


def check_values(values: Any) -> None:
    """Refuse values, from any reader of YAML, whose aliases multiply beyond all use, and sets.

    Raises:
        ValueError: they do, something contains itself, or a value is a set or bytes.
    """

    def children(value: Any) -> Iterable[Any]:
        if isinstance(value, Mapping):
            long = (key for key in value if isinstance(key, str) and len(key) >= _PIECE)
            return chain(long, filter(is_aliased_if_shared, value.values()))
        return filter(is_aliased_if_shared, value) if isinstance(value, list | tuple) else ()

    def is_aliased_if_shared(value: Any) -> bool:
        # Python has one 1, one None, one 'a', which equal values share without an alias.
        return isinstance(value, Mapping | list | tuple) or (
            isinstance(value, str) and len(value) > 1
        )

    check_expansion(values, children, lambda value: value)
    _check_kinds(values)


def check_expansion(
    root: T, children: Callable[[T], Iterable[T]], content: Callable[[T], Any]
) -> None:
    """Refuse a graph that would be far larger if written out without aliases.

    Args:
        root: of the graph.
        children: what an item contains.
        content: of an item, which may be a text.

    Raises:
        ValueError: it would be, or something contains itself.
    """
    sizes: dict[int, int] = {}
    written = 0
    unfinished: set[int] = set()

    def size(item: T) -> int:
        nonlocal written
        key = id(item)
        if key in unfinished:
            raise ValueError("an alias refers to what it is part of; write the values out")
        if key not in sizes:
            unfinished.add(key)
            text = content(item)
            own = 1 + (len(text) // _PIECE if isinstance(text, str) else 0)
            written += own
            sizes[key] = own + sum(map(size, children(item)))
            unfinished.remove(key)
        return sizes[key]

    if size(root) - written > _COPIES:
        raise ValueError(f"aliases multiply to more than {_COPIES} values; write the values out")


def _check_depth(text: str | bytes) -> None:
    """Check before nodes are made: libyaml's own recursion ends in a crash."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, _BASE)):
        if number > _MOST:
            raise ValueError(f"more than {_MOST} values")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise ValueError(f"values are nested more than {_DEEPEST} deep")
