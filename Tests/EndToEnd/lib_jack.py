"""What the end-to-end programs share: a real Jack on a free port with a database of its own, and a small runner.

JACK names the program under test; without it the release build is taken, else the debug build.
Each program prints a line `FAILED name: why` for each test that fails, and at the end `N passed, N failed`.
"""
import contextlib
import http.server
import inspect
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOKEN = "a-token-of-the-end-to-end-tests-7d1f5c"


def program():
    named = os.environ.get("JACK")
    found = [named] if named else [str(ROOT / ".build" / kind / "jack") for kind in ("release", "debug")]
    for path in found:
        if os.access(path, os.X_OK):
            return os.path.abspath(path)
    sys.exit(f"there is no jack at {' or '.join(found)}: build it, or set JACK")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def clean_environment(**more):
    """The environment without what would change Jack's configuration."""
    ours = ["JACK_ENV", "PORT", "ALLOWLIST", "CORS_ORIGIN", "DATABASE_PATH", "PERSIST", "LOG_LEVEL", "LOCAL_TOKEN", "JWT_SECRET", "ENCRYPTION_KEY"]
    ours += ["SMTP_HOST", "SMTP_PORT", "SMTP_USER", "SMTP_PASSWORD"]
    return {name: value for name, value in os.environ.items() if name not in ours} | more


class House:
    """A Jack of its own: a folder, a copy of the sample hotel, a port."""

    def __init__(self, *assignments, environment=None, folder=None):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="jack-e2e-"))
        shutil.copytree(ROOT / "config", self.folder / "config", dirs_exist_ok=True)
        self.config = self.folder / "config" / "jack.yaml"
        self.database = self.folder / "data" / "jack.db"
        self.assignments = list(assignments)
        self.port = free_port()
        self.environment = environment or {}
        self.process = None
        self.log = self.folder / "jack.log"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self):
        return f"ws://127.0.0.1:{self.port}/ws/chat"

    def full_environment(self):
        return clean_environment(PORT=str(self.port), DATABASE_PATH=str(self.database), LOCAL_TOKEN=TOKEN) | self.environment

    def options(self):
        result = ["--config", str(self.config)]
        for assignment in self.assignments:
            result += ["--set", assignment]
        return result

    def launch(self):
        """Starts the process, and does not wait."""
        output = open(self.log, "ab")
        self.process = subprocess.Popen(
            [program(), "serve", *self.options()], cwd=self.folder, env=self.full_environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        output.close()
        return self

    def start(self, timeout=60):
        """Starts, and returns when it is ready."""
        self.launch()
        self.until_ready(timeout)
        return self

    def until_ready(self, timeout=60):
        end = time.monotonic() + timeout
        while True:
            if self.process.poll() is not None:
                raise AssertionError(f"jack ended with status {self.process.returncode}:\n{self.tail()}")
            with contextlib.suppress(OSError):
                if self.get("/healthz").status == 200:
                    return
            if time.monotonic() > end:
                raise AssertionError(f"jack is not ready after {timeout} s:\n{self.tail()}")
            time.sleep(0.02)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout=40):
        """Stops gracefully; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def tail(self, lines=25):
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def run(self, *arguments, input=None, environment=None, timeout=90, cwd=None):
        """Runs a `jack` command beside it."""
        return run(*arguments, environment=self.full_environment() | (environment or {}), cwd=cwd or self.folder, input=input, timeout=timeout)

    def get(self, path, **more):
        return request("GET", self.url + path, **more)

    def api(self, method, path, body=None, **more):
        return request(method, self.url + path, body=body, token=TOKEN, **more)

    def edit(self, path, old, new):
        file = self.folder / "config" / path
        text = file.read_text()
        assert old in text, f"{path} does not hold {old!r}"
        file.write_text(text.replace(old, new))


class Listener:
    """A program on loopback that a test plays: `answer` says what becomes of each request."""

    def __init__(self):
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                listener.answer(self, self.rfile.read(int(self.headers.get("Content-Length") or 0)))

            do_GET = do_POST = handle_any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, handler, body):
        raise NotImplementedError

    @staticmethod
    def reply(handler, status, value, kind="application/json"):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Result:
    def __init__(self, status, output, error):
        self.status, self.output, self.error = status, output, error

    def __repr__(self):
        return f"status {self.status}\n--- output\n{self.output[-2000:]}\n--- error\n{self.error[-2000:]}"


def run(*arguments, environment=None, cwd=None, input=None, timeout=90):
    done = subprocess.run(
        [program(), *map(str, arguments)], cwd=cwd or ROOT, env=environment if environment is not None else clean_environment(), text=True,
        input=input if input is not None else "", capture_output=True, timeout=timeout)
    return Result(done.returncode, done.stdout, done.stderr)


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.text[:600]}"


def request(method, url, body=None, token=None, headers=None, timeout=30):
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    headers = dict(headers or {})
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if data is not None and "Content-Type" not in headers:
        headers["Content-Type"] = "application/json"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data, method=method, headers=headers), timeout=timeout) as answer:
            return Response(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as answer:
        return Response(answer.code, answer.headers, answer.read())


def eventually(check, timeout=15, every=0.05, why="it did not come about"):
    """What `check` returns once it is true or something. A check may also fail until it holds."""
    end = time.monotonic() + timeout
    while True:
        problem = None
        try:
            if result := check():
                return result
        except AssertionError as error:
            problem = error
        if time.monotonic() > end:
            raise problem or AssertionError(f"{why} within {timeout} s")
        time.sleep(every)


def equal(found, expected, what=""):
    assert found == expected, f"{str(what) + ': ' if what else ''}expected {expected!r}, found {found!r}"


def contains(text, part, what=""):
    assert part in text, f"{str(what) + ': ' if what else ''}{part!r} is not in {text[:1500]!r}"


def report(seed, rows, starts):
    """Prints what a crash test counted: rows of a name, a number, and what it must be, or None. Returns the names of those that are not what they must be."""
    print(f"\n{'seed':32} {seed:>8}")
    for name, number, allowed in rows:
        print(f"{name:32} {number:>8}" + ("" if allowed is None else "   ok" if number == allowed else f"   MUST BE {allowed}"))
    print(f"{'ready again after, at most':32} {max(starts, default=0):>7.2f}s")
    return [name for name, number, allowed in rows if allowed is not None and number != allowed]


def main(module=None, only=None):
    """Runs every function of the calling program whose name begins with `test_`, in their order; names on the command line choose."""
    names = inspect.stack()[1].frame.f_globals if module is None else vars(module)
    wanted = sys.argv[1:] if only is None else only
    passed = failed = 0
    for name, test in list(names.items()):
        if not name.startswith("test_") or not callable(test) or (wanted and not any(word in name for word in wanted)):
            continue
        began = time.monotonic()
        try:
            result = test()
            if inspect.iscoroutine(result):
                import asyncio

                asyncio.run(asyncio.wait_for(result, 300))
            passed += 1
        except Exception as error:
            failed += 1
            place = traceback.extract_tb(error.__traceback__)
            ours = [frame for frame in place if "EndToEnd" in frame.filename and "lib_jack" not in frame.filename] or place
            print(f"FAILED {name}: {re.sub(chr(10), chr(10) + '    ', str(error) or repr(error))} (line {ours[-1].lineno})", flush=True)
        if os.environ.get("JACK_E2E_TIMES"):
            print(f"# {name}: {time.monotonic() - began:.1f} s", flush=True)
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed or not passed else 0)


class Reader(threading.Thread):
    """Reads a stream to its end beside the test."""

    def __init__(self, stream):
        super().__init__(daemon=True)
        self.stream, self.lines = stream, []
        self.start()

    def run(self):
        for line in self.stream:
            self.lines.append(line)
