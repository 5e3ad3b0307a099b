"""Messages: one line that shows what it is, whatever others put into names and values."""

import pytest

from fusevad.errors import DivergedError, FusevadError, message_of


@pytest.mark.parametrize("kind", [FusevadError, DivergedError])
def test_a_message_is_one_line_that_no_terminal_obeys(kind):
    said = str(kind("a\nb\r\x1b[2J\u202e\u2028c\udcff: wrong; correct it"))
    assert said == r"a\nb\r\x1b[2J\u202e\u2028c\udcff: wrong; correct it"


def test_other_letters_and_backslashes_stay_as_they_are():
    text = r"C:\Überwachung\监控 ✓.mp4: no such file"
    assert str(FusevadError(text)) == text


def test_the_message_of_an_error_of_others_is_one_line_and_never_empty():
    assert message_of(ValueError("line 3:\n  a  cell\tis missing\n")) == "line 3: a cell is missing"
    assert message_of(EOFError()) == "EOFError"
