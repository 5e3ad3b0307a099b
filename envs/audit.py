"""Ask OSV for known vulnerabilities of the locked packages: `make audit`.

The status is 0 if none is known, 1 if some are, 2 if nothing was audited.
"""

import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parent / "requirements.lock"
# pip-audit's other service takes a package that it can't ask for as one without vulnerabilities.
COMMAND = (
    *("-m", "pip_audit", "--vulnerability-service", "osv", "--strict", "--disable-pip"),
    *("--progress-spinner", "off", "--requirement", str(LOCK)),
)


def main() -> int:
    """Run pip-audit; in place of its traceback, one line says that the service was not reached."""
    result = subprocess.run([sys.executable, *COMMAND], stderr=subprocess.PIPE, text=True)
    last = result.stderr.strip().rpartition("\n")[2]
    if not last.startswith("requests.exceptions."):
        sys.stderr.write(result.stderr)
        return result.returncode
    kind = last.partition(":")[0].rpartition(".")[2]
    print(
        f"make audit: the service api.osv.dev can't be reached ({kind}), so nothing was audited;"
        " run it on a machine with internet",
        file=sys.stderr,
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
