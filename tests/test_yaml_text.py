"""YAML of the configuration: numbers as people write them, each key once, no bombs."""

import json

import pytest
import yaml

from fusevad import yaml_text
from fusevad.errors import FusevadError
from fusevad.parsing import from_text_or_file, read_yaml


def bomb(first: str, step: str) -> str:
    """Eight lines, each of which has the one before ten times."""
    lines = [f"a: &a {first}"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} {step.format(','.join([f'*{before}'] * 10))}")
    return "\n".join(lines)


@pytest.mark.parametrize("text", ["5e-4", "1e5", "1E+5", ".5e1", "-2e-3", "1.0e-8", "3.", "+7e0"])
def test_what_json_or_python_takes_for_a_number_is_one(text):
    assert yaml_text.load(f"a: {text}") == {"a": float(text)}


@pytest.mark.parametrize("text", ["010", "-007", "0_1"])
def test_a_leading_zero_makes_no_other_number(text):
    """In YAML 1.1 `010` is 8."""
    with pytest.raises(ValueError, match=f"line 2: {text} is an octal number"):
        yaml_text.load(f"seeds:\n- {text}\n")
    assert yaml_text.load(f"'{text}'") == text


@pytest.mark.parametrize("text", ["0", "-0", "0x1F", "10", "0.5", "00.5"])
def test_other_numbers_with_a_zero_are_read(text):
    assert yaml_text.load(text) == (int(text, 16) if "x" in text else float(text))


@pytest.mark.parametrize("text", ["413033e1adbb07b", "1e", "e5", "1e5x", "12-e3", "T16-thr1e"])
def test_a_hash_or_a_name_that_begins_like_a_number_is_text(text):
    assert yaml_text.load(f"a: {text}") == {"a": text}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: key 'a' is given twice"),
        ("a: {b: 1, b: 2}\n", "line 1: key 'b' is given twice"),
        ("1: a\n0x1: b\n", "line 2: key '0x1' is '1' again, so given twice"),
        ("1: a\n'1': b\n", "line 2: key '1' is given twice"),
        ("x: {1.0: a, 1: b}", "line 1: key '1' is '1.0' again"),
        ("yes: a\ntrue: b\n", "line 2: key 'true' is 'yes' again"),
        ("true: a\n1: b\n", "line 2: key '1' is 'true' again"),
        ("~: a\nnull: b\n", "line 2: key 'null' is '~' again"),
        ("1_000: a\n1e3: b\n", "line 2: key '1e3' is '1_000' again"),
        ("<<: {a: 1}\n<<: {a: 2}\n", "line 2: key '<<' is given twice"),
        ("[" * 100_000 + "]" * 100_000, "nested more than 100 deep"),
        ("a:\n" + "".join(" " * n + "a:\n" for n in range(1, 300)), "nested more than 100 deep"),
        (bomb("[x]", "[{}]"), "aliases multiply"),
        (bomb("{x: 1}", "{{<<: [{}]}}"), "aliases multiply"),
        (bomb("{x: 1}", "{{y: [{}]}}"), "aliases multiply"),
        ("a: &a [*a]\n", "refers to what it is part of"),
        ("? [1, 2]\n: 3\n", "line 1: a key is a word or number"),
        ("a: [1\n", "expected"),
        ("a: !!timestamp soon", "not of its type"),
        ("a: !!bool perhaps", "not of its type"),
        ("a: !!int ''", "not of its type"),
        ("a: !!set {b, c}", "a value with the tag !!set; write a list"),
        ("a: [{b: !!set {0}}]", "a value with the tag !!set; write a list"),
        ("a: !!binary YQBi", "a value with the tag !!binary; write text"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        (f"a: {2**1023}", "line 1: a number of too many digits"),
        (f"a: [-{2**1024 - 1}]", "line 1: a number of too many digits"),
        ("a: 0x" + "f" * 5000, "line 1: a number of too many digits"),
        ("a: 1" + ":59" * 5000, "line 1: a number of too many digits"),
        ("a: 1" + ":59" * 300_000, "line 1: a number of too many digits"),
        ("a: 1" + ":59" * 5000 + ".5", "not of its type"),
    ],
)
def test_what_is_no_configuration_is_one_line_that_names_the_file(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(FusevadError, match=message) as error:
        read_yaml(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


def test_a_key_of_a_json_file_is_given_once(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{"a": {"b": 1, "c": 2, "b": 3}}')
    with pytest.raises(FusevadError, match=r"mine\.json: .*key 'b' is given twice"):
        read_yaml(path)


def test_a_key_of_settings_on_the_command_line_is_given_once():
    with pytest.raises(FusevadError, match="key 'b' is given twice"):
        from_text_or_file('{"a": {"b": 1, "b": 2}}')


def test_aliases_that_only_save_writing_are_read():
    text = "base: &base {x: 1, y: 2}\nmine: {<<: *base, y: 3}\nlist: [*base, *base]\n"
    assert yaml_text.load(text) == yaml.safe_load(text)


@pytest.mark.slow
def test_equal_values_are_no_aliases():
    """Python has one object for all of them."""
    for value in ("1", "true", "~", "a", "''"):
        text = f"[{', '.join([value] * 200_000)}]"
        assert len(yaml_text.load(text)) == 200_000
        yaml_text.check_values(yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


@pytest.mark.parametrize("item", ["k{}: *t", "k{}: {{*t : 1}}"])
def test_aliases_of_one_long_text_are_bounded(item):
    """Few values, but gigabytes where they are written out, as in a file of settings."""
    items = [item.format(number) for number in range(2000)]
    text = f"{{t: &t {'x' * 10_000}, {', '.join(items)}}}"
    for check in (yaml_text.load, lambda each: yaml_text.check_values(yaml.safe_load(each))):
        with pytest.raises(ValueError, match="aliases multiply"):
            check(text)
        check(text.replace("x" * 10_000, "x" * 10))


def test_values_of_another_reader_are_checked_too():
    with pytest.raises(ValueError, match="aliases multiply"):
        yaml_text.check_values(yaml.safe_load(bomb("[x]", "[{}]")))
    for text in ("a: !!set {b}", "a: !!binary YQ=="):
        with pytest.raises(ValueError, match="a value with the tag !!"):
            yaml_text.check_values(yaml.safe_load(text))
    yaml_text.check_values(json.loads('{"a": [1, 2, {"b": 3}]}'))


def test_more_values_than_a_configuration_has_are_refused_before_they_are_made(monkeypatch):
    monkeypatch.setattr(yaml_text, "_MOST", 50)
    with pytest.raises(ValueError, match="more than 50 values"):
        yaml_text.load("[" + "1, " * 60 + "1]")


@pytest.mark.parametrize("name", ["mine.yaml", "mine.json"])
def test_a_file_of_gigabytes_is_not_read(tmp_path, name):
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(3 << 30)  # zeros, which take no room on the disk
    with pytest.raises(FusevadError, match=rf"{name}: .*3221225472 bytes"):
        read_yaml(path)


@pytest.mark.parametrize("text", [r'a: "x\0"', r'"x\0": 1', r'[[{a: ["\0"]}]]'])
def test_a_nul_which_no_path_can_have_is_refused_where_it_is_read(text):
    with pytest.raises(ValueError, match="a NUL character; remove it"):
        yaml_text.load(text)
