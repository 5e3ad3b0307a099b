"""The list of packages, and the question for their vulnerabilities, as `make` does them."""

import json
import os
import shutil
import subprocess

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

pytestmark = pytest.mark.slow
TOOLS = ROOT / "build" / "tools" / "audit"
NOWHERE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")


@pytest.fixture(autouse=True)
def tools():
    if not TOOLS.is_dir() or shutil.which("make") is None:
        pytest.skip("needs make and build/tools/audit, which make sbom installs")


def made(target, *words, **environment):
    """A target of the Makefile with what it needs taken as made."""
    old = [word for name in ("env", "build/tools/audit") for word in ("-o", name)]
    return subprocess.run(
        ["make", "--silent", *old, target, *words],
        cwd=ROOT,
        env=os.environ | NOWHERE | environment,
        capture_output=True,
        text=True,
    )


def test_the_list_of_packages_has_every_pin_and_hash_of_the_lock_and_nothing_of_the_machine(
    tmp_path,
):
    listed = []
    for number, index in enumerate(("https://a.invalid/simple", "https://b.invalid/simple")):
        file = tmp_path / f"{number}.json"
        times = {"SOURCE_DATE_EPOCH": str(number), "PIP_INDEX_URL": index}
        assert made("sbom", f"SBOM={file}", **times).returncode == 0
        listed.append(file.read_text())
    assert listed[0] == listed[1]
    assert str(ROOT) not in listed[0] and "timestamp" not in listed[0]
    content = json.loads(listed[0])
    assert content["bomFormat"] == "CycloneDX"
    found = {(each["name"], each["version"]) for each in content["components"]}
    lock = (ROOT / "envs" / "requirements.lock").read_text()
    pins = [Requirement(line.rstrip("\\ ")) for line in lock.splitlines() if line[:1].isalnum()]
    assert found == {(pin.name, next(iter(pin.specifier)).version) for pin in pins}
    hashes = {
        each["content"]
        for component in content["components"]
        for place in component["externalReferences"]
        for each in place["hashes"]
    }
    assert len(hashes) == lock.count("--hash=sha256:") and all(each in lock for each in hashes)


def test_without_the_network_the_audit_says_in_one_line_that_nothing_was_audited():
    result = made("audit")
    line, *_ = result.stderr.splitlines()
    assert result.returncode != 0
    assert line.startswith("make audit: the service api.osv.dev can't be reached (ProxyError)")
    assert "Traceback" not in result.stderr
