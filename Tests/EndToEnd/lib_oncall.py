"""What tests of on call share: a receiver of pages."""
import http.server
import json
import threading
import time


class Receiver:
    """Takes pages as the plan's receivers do, and remembers them."""

    def __init__(self):
        receiver = self
        self.pages = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                receiver.pages.append((time.time(), self.path, json.loads(body)))
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
