"""Messages: one line that shows what it is, whatever others put into names and values."""

import ast
from pathlib import Path

import pytest

import fusevad
from fusevad.errors import DivergedError, FusevadError, message_of, notice

# They write names of others out themselves, or print what has none.
OWN_WAYS = {"cli/app.py", "data/fetch/git.py", "deploy/watch/run.py", "errors.py"}


@pytest.mark.parametrize("kind", [FusevadError, DivergedError])
def test_a_message_is_one_line_that_no_terminal_obeys(kind):
    said = str(kind("a\nb\r\x1b[2J\u202e\u2028c\udcff: wrong; correct it"))
    assert said == r"a\nb\r\x1b[2J\u202e\u2028c\udcff: wrong; correct it"


def test_a_notice_is_one_line_that_no_terminal_obeys(capsys):
    notice("a\nb\x1b[2J: damaged; it is made again")
    assert capsys.readouterr().err == r"a\nb\x1b[2J: damaged; it is made again" + "\n"


def test_all_messages_beside_errors_are_notices():
    package = Path(fusevad.__file__).parent
    others = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                to_a_file = called == "print" and any(each.arg == "file" for each in node.keywords)
                if to_a_file or called in ("tqdm.write", "sys.stderr.write"):
                    others.add(path.relative_to(package).as_posix())
    assert others <= OWN_WAYS


def test_other_letters_and_backslashes_stay_as_they_are():
    text = r"C:\Überwachung\监控 ✓.mp4: no such file"
    assert str(FusevadError(text)) == text


def test_the_message_of_an_error_of_others_is_one_line_and_never_empty():
    assert message_of(ValueError("line 3:\n  a  cell\tis missing\n")) == "line 3: a cell is missing"
    assert message_of(EOFError()) == "EOFError"
