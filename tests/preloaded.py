"""Commands `fusevad` and `snakemake` whose libraries are already imported.

A job of a tiny data set works for half a second and imports torch and open_clip for four. Here one
process imports the libraries, never the package itself, and forks for each call; the child runs the
real command, with the arguments, environment, folder and streams of its caller, and ends with its
status. Such a job is the child of no job: Snakemake's benchmark files don't say what it took.
"""

import atexit
import contextlib
import functools
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from importlib import import_module
from pathlib import Path

SOCKET = "FUSEVAD_PRELOADED"
# Module of each command, whose `main` its console script calls.
_COMMANDS = {"fusevad": "fusevad.cli", "snakemake": "snakemake.cli"}
_LIBRARIES = (
    *("torch", "torch._dynamo", "open_clip", "safetensors.torch", "numpy", "pandas", "pyarrow"),
    *("pyarrow.parquet", "scipy.stats", "scipy.optimize", "av", "cv2", "h5py", "typer", "pydantic"),
    "snakemake.cli",
)
# Read when libraries are imported: `fusevad` sets the first, and the second keeps pyarrow from
# starting a thread.
_AT_IMPORT = {"TQDM_MININTERVAL": "10", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
# Starts as fast as Python can: no packages, no `site`.
_CALLER = f"""#!{sys.executable} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect(os.environ["{SOCKET}"])
    call = json.dumps([sys.argv, dict(os.environ), os.getcwd()]).encode()
    socket.send_fds(server, [len(call).to_bytes(4, "big")], [0, 1, 2])
    server.sendall(call)
    status = server.recv(1)
sys.exit(status[0] if status else "a preloaded command was killed")
"""


def install(folder: Path) -> dict[str, str]:
    """Write the commands to a folder for PATH; returns the variables that they need."""
    for name in _COMMANDS:
        command = folder / name
        if not command.exists():
            command.write_text(_CALLER)
            command.chmod(0o755)
    return {SOCKET: _server()}


@functools.cache
def _server() -> str:
    """Start this file as a process of its own, once in a process; returns its socket."""
    folder = tempfile.TemporaryDirectory(prefix="fusevad-")
    path = f"{folder.name}/socket"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    server = subprocess.Popen(
        # The folder of this file is not on the path: its modules are no libraries.
        [sys.executable, "-P", __file__, path],
        env=environment | _AT_IMPORT,
        # Its end tells the server that this process has ended, however that was.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )

    def stop() -> None:
        server.kill()
        server.wait()
        folder.cleanup()

    atexit.register(stop)
    assert server.stdout is not None
    assert server.stdout.read(1), "the server of preloaded commands did not start"
    return path


def _serve(path: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(64)
        os.write(1, b"+")
        while 0 not in select.select([server, 0], [], [])[0]:
            caller, _ = server.accept()
            with caller:
                # Not before somebody calls: most tests never do.
                _import_libraries()
                if os.fork() == 0:
                    server.close()
                    _answer(caller)


@functools.cache
def _import_libraries() -> None:
    for library in _LIBRARIES:
        import_module(library)
    if threading.active_count() > 1 or len(os.listdir("/proc/self/task")) > 1:
        sys.exit("a library has started threads, which don't survive a fork")
    gc.freeze()


def _answer(caller: socket.socket) -> None:
    """Run one call in this process and end it."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        size, streams, _, _ = socket.recv_fds(caller, 4, 3)
        call = caller.makefile("rb").read(int.from_bytes(size, "big"))
        sys.argv, variables, folder = json.loads(call)
        os.environ.clear()
        os.environ.update(variables)
        os.chdir(folder)
        _take(streams)
        sys.path[:0] = variables.get("PYTHONPATH", "").split(":")
        # The caller's, in place of one that this machine's Python has imported already.
        sys.modules.pop("sitecustomize", None)
        with contextlib.suppress(ModuleNotFoundError):
            import_module("sitecustomize")
        status = _status()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        caller.send(bytes([status]))
        os._exit(status)


def _take(streams: list[int]) -> None:
    """Make the caller's streams the ones of this process."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, closefd=False)  # noqa: SIM115
        for number, mode in enumerate(("r", "w", "w"))
    )
    sys.stderr.reconfigure(line_buffering=True)


def _status() -> int:
    """Run the command as its console script does."""
    try:
        import_module(_COMMANDS[Path(sys.argv[0]).name]).main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    _serve(sys.argv[1])
