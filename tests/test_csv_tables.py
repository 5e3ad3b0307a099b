"""Tables of CSV: what pandas would misread, or read for hours, is one line."""

import numpy as np
import pandas as pd
import pytest

from fusevad.csv_tables import read_csv, write_csv
from fusevad.errors import FusevadError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,frames\na,16,9\n", "rows with more cells"),
        ("video,frames\na,16\nb,16,9\n", r"not a CSV table \(.*saw 3\); make it again"),
        ("video,frames\na,many\n", "column frames: not all numbers"),
        ("video,frames\na," + "9" * 400 + "\n", "column frames: not all numbers"),
    ],
)
def test_a_table_of_other_values_is_one_line(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(FusevadError, match=rf"a\.csv: {message}") as error:
        read_csv(path, ["video", "frames"], text=("video",))
    assert "\n" not in str(error.value)


def test_a_name_that_is_not_utf_8_is_one_line_and_leaves_no_table(tmp_path):
    with pytest.raises(FusevadError, match=r"a\.csv: .*film_.* is not UTF-8; rename"):
        write_csv(pd.DataFrame({"path": ["film_\udcff.mp4"]}), tmp_path / "a.csv")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"video,frames\na\0b,16\n", "a NUL character"),
        (b"a," * 40_000, "too many columns"),
        (b'video,frames,"frames"\na,16,17\n', "two columns frames"),
        (b"\xef\xbb\xbf\r\n \nvideo,frames,frames\na,16,17\n", "two columns frames"),
        (b"\n" + b"a," * 40_000, "too many columns"),
    ],
)
def test_a_table_that_pandas_would_misread_is_one_line(tmp_path, content, message):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(FusevadError, match=rf"a\.csv: not a CSV table \(.*{message}"):
        read_csv(tmp_path / "a.csv", ["video", "frames"], text=("video",))


def test_floats_read_back_unchanged(tmp_path):
    values = np.random.default_rng(0).random(1000)
    write_csv(pd.DataFrame({"auc": values}), tmp_path / "a.csv")
    assert read_csv(tmp_path / "a.csv", ["auc"])["auc"].tolist() == values.tolist()


def test_hashes_are_texts_for_readers_that_do_not_ask_for_them(tmp_path):
    table = tmp_path / "index.csv"
    digest = "3e8160039594" + "0" * 52
    table.write_text(f"file,sha256\na,{digest}\nb,{'1' * 64}\n")
    found = read_csv(table, ["file"], text=("file",))
    assert found["sha256"].tolist() == [digest, "1" * 64]


@pytest.mark.parametrize("number", ["3e8160039594a3", "1E+2147483649", ".5e-9999999999"])
def test_a_number_whose_exponent_would_kill_pandas_is_one_line(tmp_path, number):
    """Found by fuzzing: a line that lost cells, so that a hash stood under `frames`."""
    (tmp_path / "a.csv").write_text(f"video,frames\na,16\nb,{number}\n")
    with pytest.raises(FusevadError, match=r"a\.csv: not a CSV table \(line 3: a number without"):
        read_csv(tmp_path / "a.csv", ["video", "frames"], text=("video",))


def test_a_name_or_hash_that_looks_like_such_a_number_is_text(tmp_path):
    (tmp_path / "a.csv").write_text('video,frames\n3e8160039594a3,16\n"1e999999999999",17\n')
    table = read_csv(tmp_path / "a.csv", ["video", "frames"], text=("video",))
    assert table["video"].tolist() == ["3e8160039594a3", "1e999999999999"]
    assert table["frames"].tolist() == [16, 17]


def test_a_table_of_gigabytes_is_not_read(tmp_path):
    with (tmp_path / "a.csv").open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(FusevadError, match=r"a\.csv: not a CSV table \(3221225472 bytes"):
        read_csv(tmp_path / "a.csv", ["video"], text=("video",))
