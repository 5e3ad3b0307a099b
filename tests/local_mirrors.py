"""A web server with the habits, good and bad, of those that data sets are fetched from."""

import hashlib
import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "c0ffee" * 6 + "c0ff"
PIECE = 16_384


class Mirror(ThreadingHTTPServer):
    """Serves `files` (name -> bytes) under /HABIT/NAME.

    seen: what was asked for: (method, path, Range). cut: byte after which the habit `cut` falls
    silent, None to go on. sent: bytes of bodies. raw: for the habit `raw`, name -> what gives the
    bytes of an answer for the byte that Range asks from (None: it does not ask). large: bytes
    from which on the hub states the SHA-256 of a file.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = {}
        self.seen = []
        self.times_asked = Counter()
        self.sent = 0
        self.cut = None
        self.raw = {}
        self.large = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """A client that was killed is no error of the server's."""


@contextmanager
def running():
    mirror = Mirror()
    thread = threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield mirror
    finally:
        mirror.shutdown()
        thread.join()
        mirror.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One habit a path; all but `plain` know Range and If-Range."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Quiet."""

    def do_HEAD(self):
        self.server.seen.append(("HEAD", self.path, None))
        self._hub()

    def do_GET(self):
        parts = urlsplit(self.path)
        self.server.seen.append(("GET", parts.path, self.headers.get("Range")))
        self.server.times_asked[parts.path] += 1
        habit, _, name = parts.path[1:].partition("/")
        content = self.server.files.get(name)
        asked = self.server.times_asked[parts.path]
        if habit in ("api", "datasets", "uc", "drive"):
            {
                "api": self._hub_api,
                "datasets": self._hub,
                "uc": self._drive_page,
                "drive": self._drive_file,
            }[habit]()
        elif habit == "raw":
            start = self.headers.get("Range")
            self.wfile.write(self.server.raw[name](start and int(start[6:-1])))
            self.close_connection = True
        elif content is None:
            self.send_error(404, "Not Found")
        elif habit == "hangs-up" or (habit == "busy-hang-up" and asked == 1):
            self.close_connection = True
        elif habit == "busy" and asked < 3:
            self._answer(503, b"", {"Retry-After": "0"})
        elif habit == "page":
            self._answer(200, b"<html>Please log in</html>", {"Content-Type": "text/html"})
        else:
            self._file(content, habit)

    def _file(self, content, habit, extra=None):
        tag = f'"{hashlib.md5(content).hexdigest()}"'
        wanted = self.headers.get("Range")
        start = 0
        headers = {"Content-Type": "application/octet-stream"} | (extra or {})
        if habit == "weak":
            headers["ETag"] = f"W/{tag}"
        elif habit != "plain":
            headers["ETag"] = tag
        if wanted and habit != "plain" and self.headers.get("If-Range", tag) == tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                return self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.send_response(206 if start else 200)
        headers["Content-Length"] = str(len(content) - start)
        self._end(headers)
        rest = content[start:]
        if habit == "dies":  # sends a third of what is left, and never all of it
            rest = rest[: max(1, len(rest) // 3)] if len(rest) > 9 else rest
        if habit == "cut" and self.server.cut is not None:
            rest = content[start : self.server.cut]
        for i in range(0, len(rest), PIECE):
            self.wfile.write(rest[i : i + PIECE])
            self.server.sent += len(rest[i : i + PIECE])
            if habit == "slow":
                time.sleep(0.01)
        self.close_connection = len(rest) < len(content) - start
        return None

    def _hub(self):
        """/datasets/OWNER/REPO/resolve/REVISION/FILE, as huggingface_hub asks for it."""
        repo, _, revision, name = urlsplit(self.path).path.split("/", 6)[3:]
        name = unquote(name)
        content = self.server.files.get(name)
        wrong = None
        if repo == "gated":
            wrong = (403, "GatedRepo")
        elif repo != "repo":
            wrong = (401, "RepoNotFound")
        elif revision not in ("main", COMMIT):
            wrong = (404, "RevisionNotFound")
        elif content is None:
            wrong = (404, "EntryNotFound")
        if wrong:
            return self._answer(wrong[0], b"", {"X-Error-Code": wrong[1]})
        if self.command == "GET":
            return self._file(content, "ok")
        self.send_response(200)
        sha256 = hashlib.sha256(content).hexdigest()
        self._end(
            {
                "X-Repo-Commit": COMMIT,
                "X-Linked-Etag": f'"{sha256}"',
                "ETag": '"small"',
                "Content-Length": str(len(content)),
            }
        )
        return None

    def _hub_api(self):
        """/api/datasets/OWNER/REPO/revision/REV and .../tree/REV/FOLDER: commit and listing."""
        repo, kind, _, *folder = unquote(urlsplit(self.path).path).split("/", 7)[4:]
        if repo != "repo":
            return self._answer(401, b"", {"X-Error-Code": "RepoNotFound"})
        answer = {"id": "owner/repo", "sha": COMMIT}
        if kind == "tree":
            answer = [
                {
                    "type": "file",
                    "path": name,
                    "size": len(content),
                    **self._hashes(content),
                }
                for name, content in self.server.files.items()
                if name.startswith("".join(folder))
            ]
        kind = {"Content-Type": "application/json"}
        return self._answer(200, json.dumps(answer).encode(), kind)

    def _hashes(self, content):
        """As the hub states them: git's of a small file, the SHA-256 of a large one."""
        if len(content) < self.server.large:
            blob = b"blob %d\0%b" % (len(content), content)
            return {"oid": hashlib.sha1(blob, usedforsecurity=False).hexdigest()}
        oid = hashlib.sha256(content).hexdigest()
        large = {"size": len(content), "oid": oid, "pointerSize": 100}
        return {"oid": "0" * 40, "lfs": large}

    def _drive_page(self):
        """Google Drive's question whether a large file may come without a scan for viruses."""
        name = parse_qs(urlsplit(self.path).query)["id"][0]
        if name not in self.server.files:
            page = '<p class="uc-error-subcaption">Too many users have viewed this file</p>'
        else:
            page = (
                '<form id="download-form" action="https://drive.google.com/drive/download">'
                f'<input type="hidden" name="id" value="{name}"></form>'
            )
        self._answer(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})

    def _drive_file(self):
        name = parse_qs(urlsplit(self.path).query)["id"][0]
        content = self.server.files[name]
        first = self.server.times_asked["/drive/download"] == 1 and name.startswith("dies")
        named = {"Content-Disposition": f'attachment; filename="{name}"'}
        self._file(content, "dies" if first else "ok", named)

    def _answer(self, status, body, headers):
        self.send_response(status)
        self._end(headers | {"Content-Length": str(len(body))})
        self.wfile.write(body)

    def _end(self, headers):
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
