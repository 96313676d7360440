"""What tests of on call share: a receiver of pages, and a Jack that goes by a plan."""
import collections
import http.server
import json
import threading
import time

from lib_jack import House


class Receiver:
    """Takes pages as the plan's receivers do, and remembers them."""

    def __init__(self):
        receiver = self
        self.pages = []
        # Whoever asks often must not take the time that arrivals are noted in.
        self.by_name = collections.defaultdict(list)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                arrived = time.time()
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                receiver.pages.append((arrived, self.path, body))
                for alert in body.get("alerts", []):
                    receiver.by_name[alert["name"]].append(receiver.pages[-1])
                self.send_response(202)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def to(self, path, event="page"):
        return [page for page in self.pages if page[1] == path and page[2]["event"] == event]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def planned_house(receiver, plan, *assignments):
    """A Jack that goes by a plan, with the sinks `one`, a webhook, and `pagerduty`; the receiver plays both."""
    one = House(*assignments, environment={"HOOK_SECRET": "0123456789abcdef0123"})
    (one.folder / "config" / "plan.yaml").write_text(plan)
    one.edit("jack.yaml", "alerts:\n  log: {}\n", (
        "alerts:\n  log: {}\n"
        "  one:\n    plugin: webhook\n    settings: {url: \"%s/one\", secret: \"${HOOK_SECRET}\", reaches_human: true}\n"
        "  pagerduty:\n    settings: {routing_key: 0123456789abcdef0123456789abcdef, base_url: \"%s\"}\n") % (receiver.url, receiver.url))
    one.edit("jack.yaml", "oncall:\n", "oncall:\n  file: plan.yaml\n")
    one.edit("jack.yaml", "  #public_url: https://jack.example.com", f"  public_url: {one.url}")
    return one
