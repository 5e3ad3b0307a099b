"""JSON of others: each key once, whoever reads it."""

import ast
from pathlib import Path

import pytest

from fusevad import json_text

PACKAGE = Path(__file__).resolve().parents[1] / "workflow" / "fusevad"
# Readers of what the program itself, this repository or Snakemake wrote, and nobody else.
OWN = {
    "json_text.py",
    "plan/lineage.py",
    "plan/sources.py",
    "artifacts/snakemake_memory.py",
    "encoders/contrastive.py",
    "data/fetch/record.py",
    "data/fetch/https.py",
}


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 1}', b'{"b": [{"a": 1, "c": 2, "a": 3}]}', r'{"a": 1, "\u0061": 2}']
)
def test_a_key_that_is_given_twice_is_an_error(text):
    with pytest.raises(ValueError, match="key 'a' is given twice"):
        json_text.load(text)


@pytest.mark.parametrize("text", [str(2**1023), f"[-{2**1024 - 1}]", '{"a": ' + "9" * 5000 + "}"])
def test_a_whole_number_that_no_float_holds_is_an_error(text):
    with pytest.raises(ValueError, match="digits"):
        json_text.load(text)
    assert json_text.load(str(1 - 2**1023)) == 1 - 2**1023


def test_other_json_is_read_as_always():
    values = {"a": [1, 2.5, None], "b": {"a": "x"}}
    assert json_text.load(b'{"a": [1, 2.5, null], "b": {"a": "x"}}') == values


def test_no_other_module_reads_json_of_others():
    """The readers of Python and of pydantic take the last of two keys in silence."""
    readers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and (node.attr == "validate_json" or ast.unparse(node) in ("json.loads", "json.load"))
    }
    assert readers <= OWN


@pytest.mark.parametrize(
    "text",
    [
        r'{"a": "\ud800"}', r'["\uDFFF"]', r'{"\udc00\ud800": 1}', b'["\xed\xa0\x80"]',
        r'["\ud800"]'.encode("utf-16"),
    ],
)  # fmt: skip
def test_half_of_a_character_is_refused(text):
    with pytest.raises(ValueError, match="can't"):
        json_text.load(text)


def test_whole_characters_may_be_written_in_halves():
    assert json_text.load(r'["\ud83d\ude00", "\\ud800"]') == ["\U0001f600", r"\ud800"]
