"""Files of models on Hugging Face; no test reaches it."""

import pytest

from fusevad.encoders.model_hub import from_hub
from fusevad.errors import FusevadError


@pytest.mark.parametrize("name", ["../../weights", "a/b/c", "a--b/c", "weights.", "a\0b", "n" * 97])
def test_a_name_that_no_repository_can_have_is_one_line(name):
    with pytest.raises(FusevadError, match="neither a local file nor a repository"):
        from_hub(name, ["config.json"])
