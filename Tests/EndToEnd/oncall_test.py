"""On call, with real programs: plans and scenarios on the command line, Debian's amtool, pages to receivers of the test's own, and `kill -9` in the middle of an escalation."""
import hashlib
import hmac
import http.server
import json
import re
import subprocess
import threading
import time
import urllib.parse

from lib_jack import ROOT, TOKEN, House, contains, equal, eventually, main, request, run

SEED_ALERTMANAGER = """
global:
  resolve_timeout: 5m
route:
  receiver: 'default'
  group_by: ['alertname', 'severity']
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
  routes:
    - match:
        severity: critical
      receiver: 'pagerduty-critical'
      continue: true
    - match:
        alertname: 'HighErrorRate'
      receiver: 'slack-engineering'
receivers:
  - name: 'default'
    slack_configs:
      - api_url: '${SLACK_WEBHOOK_URL}'
        channel: '#jack-alerts'
  - name: 'pagerduty-critical'
    pagerduty_configs:
      - service_key: '${PAGERDUTY_SERVICE_KEY}'
        severity: critical
  - name: 'slack-engineering'
    slack_configs:
      - api_url: '${SLACK_WEBHOOK_URL}'
        channel: '#jack-engineering'
"""

PLAN = """
people:
  ana: {name: Ana, contacts: [{type: webhook, url: "%(one)s/ana", through: one}]}
  bea: {name: Bea, contacts: [{type: webhook, url: "%(one)s/bea", through: one}, {type: pagerduty, service_key: 0123456789abcdef0123456789abcdef}]}
policies:
  nights:
    levels:
      - {name: first, notify: [ana], wait: %(wait)s}
      - {name: second, notify: [bea], wait: 1h}
  fire:
    levels:
      - {name: everybody, notify: [bea], wait: 1h}
emergency: {policy: fire}
route: {receiver: nights, group_by: [alertname], group_wait: 0s}
receivers:
  - {name: nights, policy: nights}
"""


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


def house(receiver, wait="1h"):
    """A Jack with a plan of two people, who are reached by a webhook each; PagerDuty is played by the same receiver and is not asked here."""
    one = House(environment={"HOOK_SECRET": "0123456789abcdef0123"})
    (one.folder / "config" / "plan.yaml").write_text(PLAN % {"one": receiver.url, "wait": wait})
    one.edit("jack.yaml", "alerts:\n  log: {}\n", (
        "alerts:\n  log: {}\n"
        "  one:\n    plugin: webhook\n    settings: {url: \"%s/one\", secret: \"${HOOK_SECRET}\", reaches_human: true}\n"
        "  pagerduty:\n    settings: {routing_key: 0123456789abcdef0123456789abcdef, base_url: \"%s\"}\n") % (receiver.url, receiver.url))
    one.edit("jack.yaml", "oncall:\n", "oncall:\n  file: plan.yaml\n")
    one.edit("jack.yaml", "  #public_url: https://jack.example.com", f"  public_url: {one.url}")
    return one


def test_the_sample_hotels_scenarios_pass():
    result = run("oncall", "test", "config/oncall-tests/nights.yaml")
    equal(result.status, 0, result)
    contains(result.output, "6 passed, 0 failed")


def test_a_page_that_nobody_expects_fails_a_scenario():
    with House() as one:
        file = one.folder / "config" / "oncall-tests" / "nights.yaml"
        text = file.read_text()
        assert "      - {to: gloria, by: 30m}\n" in text
        file.write_text(text.replace("      - {to: gloria, by: 30m}\n", ""))
        result = one.run("oncall", "test", str(file))
        equal(result.status, 1, result)
        contains(result.output, "gloria was paged at +20m through phone, and nobody expected it")


def test_the_seeds_alertmanager_decides_as_amtool_does():
    with House() as one:
        file = one.folder / "alertmanager.yml"
        file.write_text(SEED_ALERTMANAGER)
        for labels in (["severity=critical"], ["severity=critical", "alertname=HighErrorRate"], ["alertname=HighErrorRate"], ["alertname=Other"]):
            result = one.run("route", "test", "--config.file", str(file), *labels)
            oracle = subprocess.run(["amtool", "config", "routes", "test", "--config.file", str(plain(one, file)), *labels], capture_output=True, text=True)
            equal((result.status, result.output.strip()), (oracle.returncode, oracle.stdout.strip()), labels)


def plain(one, file):
    """amtool knows no variables."""
    copy = one.folder / "plain.yml"
    copy.write_text(file.read_text().replace("${SLACK_WEBHOOK_URL}", "https://hooks.example.com/x").replace("${PAGERDUTY_SERVICE_KEY}", "k"))
    return copy


def test_every_type_of_the_handbook_is_explained_with_lines():
    wanted = {
        "container_unhealthy": "engineering", "database_error": "engineering", "channel_outage": "channels", "ai_provider_down": "engineer-informed",
        "security": "security", "complaint_sla": "guests",
    }
    for kind, receiver in wanted.items():
        result = run("route", "explain", "--at", "2026-11-24T02:10", "alertname=X", f"type={kind}", "severity=critical")
        equal(result.status, 0, result)
        assert re.search(rf"^receiver +{receiver}, config/oncall.yaml:\d+:\d+$", result.output, re.M), result
        assert re.search(r"^level 1 .*02:10:00: phone of .*config/oncall.yaml:\d+:\d+", result.output, re.M), result


def test_an_escalation_survives_kill_and_an_answer_ends_it():
    receiver = Receiver()
    with house(receiver, wait="6s") as one:
        one.start()
        result = one.run("alert", "send", "--config", str(one.config), "--name", "DiskFull", "--severity", "error", "--summary", "the disk is full")
        equal(result.status, 0, result)
        first = eventually(lambda: receiver.to("/ana"), why="Ana was not paged")[0]
        one.kill()
        one.start()
        second = eventually(lambda: receiver.to("/bea"), timeout=30, why="the next level was forgotten")[0]
        late = second[0] - first[0] - 6
        assert -0.5 < late < 20, f"the next level came {late:.1f} s late"
        # The link shows, and only its form does anything.
        link = second[2]["url"]
        contains(request("GET", link).text, "nobody has acknowledged it yet")
        contains(request("GET", link).text, "nobody has acknowledged it yet")
        token = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["token"][0]
        forged = request("POST", one.url + "/oncall/answer", body=f"token={token[:-4]}AAAA&action=acknowledge".encode(), headers={"Content-Type": "application/x-www-form-urlencoded"})
        equal(forged.status, 403, forged)
        form = f"token={urllib.parse.quote(token)}&action=acknowledge".encode()
        for _ in range(2):
            answer = request("POST", one.url + "/oncall/answer", body=form, headers={"Content-Type": "application/x-www-form-urlencoded"})
            equal(answer.status, 200, answer)
        contains(request("GET", link).text, "acknowledged by")
        equal(len(receiver.to("/bea")), 1, "pages to Bea")
        # What was under way when the process died is repeated once, and says so.
        assert len(receiver.to("/ana")) <= 2, receiver.pages
        for again in receiver.to("/ana")[1:]:
            equal((again[2]["mayRepeat"], again[2]["id"]), (True, first[2]["id"]), "a page that was repeated")
    receiver.close()


def test_an_unmodified_amtool_adds_silences_and_asks():
    receiver = Receiver()
    with house(receiver) as one:
        one.start()
        access = one.folder / "http.yml"
        access.write_text(f"authorization:\n  type: Bearer\n  credentials: {TOKEN}\n")

        def amtool(*arguments):
            return subprocess.run(
                ["amtool", f"--http.config.file={access}", f"--alertmanager.url={one.url}", *arguments], capture_output=True, text=True, timeout=30)

        made = amtool("silence", "add", "alertname=Known", "--comment=it is being mended")
        equal(made.returncode, 0, made.stderr)
        equal(amtool("alert", "add", "alertname=Known", "severity=error").returncode, 0)
        equal(amtool("alert", "add", "alertname=Unknown", "severity=error").returncode, 0)
        eventually(lambda: receiver.to("/ana"), why="Ana was not paged")
        names = [alert["name"] for page in receiver.pages for alert in page[2]["alerts"]]
        equal(names, ["Unknown"], "what was paged")
        contains(amtool("alert", "query", "--silenced").stdout, "Known")
        contains(amtool("config", "show").stdout, "receiver: nights")
        equal(amtool("silence", "expire", made.stdout.strip()).returncode, 0)
    receiver.close()


def test_a_plan_with_mistakes_is_told_with_lines():
    receiver = Receiver()
    with house(receiver) as one:
        plan = one.folder / "config" / "plan.yaml"
        plan.write_text(plan.read_text().replace("notify: [ana]", "notify: [anna]").replace("receiver: nights,", "receiver: night,"))
        result = one.run("check", str(one.config))
        equal(result.status, 1, result)
        assert re.search(r"plan\.yaml:8:\d+: error: .*anna", result.output), result
        assert re.search(r"plan\.yaml:\d+:\d+: error: .*night", result.output), result
        contains(result.output, "did you mean")
    receiver.close()


def test_what_guests_write_is_played_through_the_butler():
    # Most of it is the time in which a debug build learns the hotel's intents, once.
    result = run("oncall", "test", "-v", "config/oncall-tests/guests.yaml", timeout=300)
    equal(result.status, 0, result)
    contains(result.output, "6 passed, 0 failed")
    contains(result.output, "intent: request.maintenance")
    contains(result.output, "alert GuestEmergency (critical)")


SOURCES = """oncall:
  file: plan.yaml
  sources:
    - {name: boiler, secret: the-secret-of-the-boiler, severity: error, map: {name: title, summary: message, status: state}}
    - {name: ana, secret: 0123456789abcdef0123, format: jack}
"""


def test_outside_sources_page_and_one_jack_pages_another():
    receiver = Receiver()
    with house(receiver) as one, house(receiver) as two:
        one.edit("jack.yaml", "oncall:\n  file: plan.yaml\n", SOURCES)
        for jack in (one, two):
            jack.edit("plan.yaml", "group_wait: 0s}", "group_wait: 0s, group_interval: 1s}")
        one.start()

        def post(body, at=None, secret="the-secret-of-the-boiler", **headers):
            text, at = json.dumps(body).encode(), str(int(at or time.time()))
            code = hmac.new(secret.encode(), at.encode() + b"." + text, hashlib.sha256).hexdigest()
            return request("POST", one.url + "/api/v1/alerts/boiler", body=text, headers={"X-Jack-Signature": f"t={at},v1={code}"} | headers)

        low, well = {"title": "BoilerPressure", "message": "0.4 bar", "state": "alarm"}, {"title": "BoilerPressure", "message": "1.4 bar", "state": "ok"}
        now = time.time()
        taken = post(low, now)
        equal((taken.status, taken.json["alerts"], taken.json["duplicate"]), (202, 1, False), taken)
        equal(post(low, now).json["duplicate"], True, "a replay")
        equal(post(low, secret="another-secret-than-his").status, 401)
        equal(post(low, time.time() - 1000).status, 401)
        # It is on disk before it is acknowledged: killed at once, it pages all the same, and is known again.
        one.kill()
        one.start()
        equal(post(low, now).json["duplicate"], True, "a replay after kill -9")
        page = eventually(lambda: receiver.to("/ana"), why="Ana was not paged")[0]
        equal([alert["summary"] for alert in page[2]["alerts"]], ["0.4 bar"])
        equal(post(well).json["resolved"], 1)
        eventually(lambda: receiver.to("/ana", "resolve"), why="Ana was not told that it is over")
        # Another Jack's Ana is this one: its pages are alerts here.
        plan = two.folder / "config" / "plan.yaml"
        plan.write_text(plan.read_text().replace(receiver.url + "/ana", one.url + "/api/v1/alerts/ana"))
        two.start()
        sent = two.run("alert", "send", "--config", str(two.config), "--name", "LiftStuck", "--severity", "error", "--summary", "between two floors")
        equal(sent.status, 0, sent)

        def told(event):
            return [page for page in receiver.to("/ana", event) if any(alert["name"] == "LiftStuck" for alert in page[2]["alerts"])]

        (lift,) = eventually(lambda: told("page"), why="the other Jack's page did not come through")
        equal(lift[2]["alerts"][0]["labels"]["source"], "ana")
        sent = two.run("alert", "send", "--config", str(two.config), "--name", "LiftStuck", "--severity", "error", "--resolved")
        equal(sent.status, 0, sent)
        eventually(lambda: told("resolve"), why="the other Jack's end did not come through")
    receiver.close()


if __name__ == "__main__":
    main()
