"""On call, with real programs: plans and scenarios on the command line, Debian's amtool, pages to receivers of the test's own, and `kill -9` in the middle of an escalation."""
import hashlib
import hmac
import json
import re
import signal
import subprocess
import time
import urllib.parse

from lib_jack import ROOT, TOKEN, House, contains, equal, eventually, main, request, run
from lib_oncall import Receiver, planned_house

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


def house(receiver, wait="1h"):
    """A Jack with a plan of two people, who are reached by a webhook each; PagerDuty is played by the same receiver and is not asked here."""
    return planned_house(receiver, PLAN % {"one": receiver.url, "wait": wait})


def test_the_sample_hotels_scenarios_pass():
    result = run("oncall", "test", "config/oncall-tests/nights.yaml")
    equal(result.status, 0, result)
    contains(result.output, "7 passed, 0 failed")


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
        file.write_text((ROOT / "Tests" / "Fixtures" / "alertmanager.yml").read_text())
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
        contains(request("GET", link).text, "the disk is full")
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


def test_an_alertmanagers_webhook_is_told_wherever_it_is():
    receiver, other = Receiver(), Receiver()
    with house(receiver) as one:
        plan = one.folder / "config" / "plan.yaml"
        # The instance's own settings name another host: that of the plan is the operator's word too.
        text = plan.read_text().replace("route: {receiver: nights", "route: {receiver: tickets")
        plan.write_text(text + f"  - {{name: tickets, webhook_configs: [{{url: \"{other.url.replace('127.0.0.1', 'localhost')}/tickets\"}}]}}\n")
        one.start()
        for number in range(12):
            result = one.api("POST", "/api/v2/alerts", [{"labels": {"alertname": f"Many{number}", "severity": "warning"}}])
            equal(result.status, 200, result)
        # A program is told of each, a person would be told of ten.
        eventually(lambda: len(other.to("/tickets")) == 12, why=f"of 12 alerts {len(other.to('/tickets'))} came")
        equal(receiver.pages, [])
    receiver.close()
    other.close()


def amtool_of(one):
    """An unmodified amtool that speaks with a house."""
    access = one.folder / "http.yml"
    access.write_text(f"authorization:\n  type: Bearer\n  credentials: {TOKEN}\n")

    def amtool(*arguments):
        return subprocess.run(
            ["amtool", f"--http.config.file={access}", f"--alertmanager.url={one.url}", *arguments], capture_output=True, text=True, timeout=30)

    return amtool


def test_an_unmodified_amtool_adds_silences_and_asks():
    receiver = Receiver()
    with house(receiver) as one:
        one.start()
        amtool = amtool_of(one)
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


def test_a_real_prometheus_pages_and_a_silence_of_amtool_holds_the_next_back():
    receiver = Receiver()
    with house(receiver) as one:
        one.edit("plan.yaml", "group_wait: 0s}", "group_wait: 0s, group_interval: 1s}")
        one.start()
        folder = one.folder / "prometheus"
        folder.mkdir()
        rules = folder / "rules.yml"

        def fire(*rooms):
            rules.write_text(json.dumps({"groups": [{"name": "house", "rules": [{
                "alert": f"BoilerCold{room}", "expr": "vector(41) < 50", "labels": {"severity": "critical", "room": room},
                "annotations": {"summary": "the boiler has {{ $value }} degrees"}} for room in rooms]}]}))

        fire("cellar")
        (folder / "prometheus.yml").write_text(json.dumps({
            "global": {"evaluation_interval": "1s", "scrape_interval": "1h"}, "rule_files": ["rules.yml"],
            "alerting": {"alertmanagers": [{"authorization": {"type": "Bearer", "credentials": TOKEN}, "static_configs": [{"targets": [one.url.removeprefix("http://")]}]}]}}))
        watching = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", "--web.listen-address=127.0.0.1:0",
             "--log.level=error", "--rules.alert.resend-delay=1s"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            def paged(room):
                return [page for page in receiver.to("/ana") if any(alert["name"] == f"BoilerCold{room}" for alert in page[2]["alerts"])]

            (page,) = eventually(lambda: paged("cellar"), timeout=60, why="what fires in Prometheus paged nobody")
            alert = page[2]["alerts"][0]
            equal((alert["summary"], alert["severity"], alert["labels"]["room"]), ("the boiler has 41 degrees", "critical", "cellar"))
            assert "/graph?" in alert["generatorURL"], alert
            amtool = amtool_of(one)
            made = amtool("silence", "add", "room=attic", "--comment=it is being mended")
            equal(made.returncode, 0, made.stderr)
            fire("cellar", "attic", "kitchen")
            watching.send_signal(signal.SIGHUP)
            # Both fire in the same round: when the one has paged, the other was not held back by being late.
            eventually(lambda: paged("kitchen"), timeout=60, why="the second rule paged nobody")
            eventually(lambda: "BoilerColdattic" in amtool("alert", "query", "--silenced").stdout, timeout=30, why="the silenced alert is not there")
            equal(paged("attic"), [], "what a silence covers")
            equal(len(paged("cellar")), 1, "pages of one that Prometheus tells of each second")
            # The silence was what held it back.
            equal(amtool("silence", "expire", made.stdout.strip()).returncode, 0)
            eventually(lambda: paged("attic"), timeout=30, why="what was silenced stays silent")
        finally:
            watching.terminate()
            watching.wait()
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


def matters(one):
    """The open matters, without what the plan's second kind of sink, which nobody plays, brings with it."""
    return [matter for matter in one.get("/api/v1/oncall/matters", token=TOKEN).json["items"] if matter["names"] != ["PageNotDelivered"]]


def test_an_acknowledgement_from_the_command_line_stops_an_escalation_for_good():
    receiver = Receiver()
    with house(receiver, wait="8s") as one:
        one.start()
        config = ("--config", str(one.config))
        for name in ("DiskFull", "LiftStuck"):
            equal(one.run("alert", "send", *config, "--name", name, "--severity", "error", "--summary", "it does not work").status, 0)
        eventually(lambda: len(receiver.to("/ana")) >= 2, why="Ana was not paged")
        listed = one.run("oncall", "list", *config)
        equal(listed.status, 0, listed)
        for part in ("DiskFull", "LiftStuck", "of Ana", "of Bea"):
            contains(listed.output + " ".join(str(matter) for matter in matters(one)), part)
        wrong = one.run("oncall", "ack", *config, "DiskFul")
        equal(wrong.status, 1, wrong)
        contains(wrong.error, "these stand open")
        done = one.run("oncall", "ack", *config, "DiskFull", "--by", "Rosa", "--note", "a new disk is on its way")
        equal(done.status, 0, done)
        contains(done.output, "acknowledged")
        # The process ends before anything else can happen; what was acknowledged stays so, and what was not goes on.
        one.kill()
        one.start()
        second = eventually(lambda: receiver.to("/bea"), timeout=40, why="what nobody acknowledged was forgotten")
        names = [alert["name"] for page in second for alert in page[2]["alerts"]]
        equal(names, ["LiftStuck"], "who was paged on")
        contains(" ".join(str(page[2].get("note")) for page in receiver.to("/ana", "update")), "acknowledged by Rosa: a new disk is on its way")
        again = one.run("oncall", "ack", *config, "DiskFull")
        equal(again.status, 0, again)
        contains(again.output, "Rosa has acknowledged it already")
        over = one.run("oncall", "resolve", *config, "LiftStuck")
        equal(over.status, 0, over)
    receiver.close()


def test_a_missed_drill_goes_on_to_the_next_also_over_kill():
    receiver = Receiver()
    with house(receiver, wait="1h") as one:
        one.start()
        config = ("--config", str(one.config))
        unknown = one.run("oncall", "drill", *config, "--person", "anna")
        equal(unknown.status, 1, unknown)
        contains(unknown.error, "did you mean “ana”?")
        begun = one.run("oncall", "drill", *config, "--person", "ana", "--within", "1m")
        equal(begun.status, 0, begun)
        first = eventually(lambda: receiver.to("/ana"), why="Ana was not drilled")[0]
        contains(first[2]["alerts"][0]["summary"], "DRILL, no alert")
        equal(first[2]["alerts"][0]["name"], "OnCallDrill")
        one.kill()
        one.start()
        second = eventually(lambda: receiver.to("/bea"), timeout=90, why="the missed drill did not go on")[0]
        assert 55 < second[0] - first[0] < 85, f"the drill went on after {second[0] - first[0]:.0f} s"
        contains(second[2]["alerts"][0]["summary"], "DRILL, no alert")
        token = urllib.parse.parse_qs(urllib.parse.urlsplit(second[2]["url"]).query)["token"][0]
        form = f"token={urllib.parse.quote(token)}&action=acknowledge".encode()
        answer = request("POST", one.url + "/oncall/answer", body=form, headers={"Content-Type": "application/x-www-form-urlencoded"})
        equal(answer.status, 200, answer)
        report = json.loads(one.run("oncall", "drills", *config, "--json").output)
        drill = report["drills"][0]
        equal((drill["outcome"], drill["acknowledged_by"], drill["way"]), ("acknowledged", "bea", "link"))
        missed = {page["person"]: page["missed"] for page in drill["pages"]}
        equal(missed, {"ana": True, "bea": False}, "who missed it")
        assert ("ana", "webhook") in [(way["person"], way["contact"]) for way in report["unproven"]], report
        shown = one.run("oncall", "drills", *config)
        contains(shown.output, "missed")
        contains(shown.output, "never proven by a drill")
        equal(matters(one), [], "a drill that is over stands open no more")
    receiver.close()


def test_a_plan_comes_and_goes_without_a_restart():
    receiver = Receiver()
    with house(receiver) as one:
        one.edit("jack.yaml", "oncall:\n  file: plan.yaml\n", "oncall:\n")
        one.start()
        config = ("--config", str(one.config))

        def send(name):
            equal(one.run("alert", "send", *config, "--name", name, "--severity", "error").status, 0)

        send("Before")
        eventually(lambda: receiver.to("/one"), why="without a plan nobody was told")
        one.edit("jack.yaml", "oncall:\n", "oncall:\n  file: plan.yaml\n")
        reloaded = one.run("reload", *config)
        equal(reloaded.status, 0, reloaded)
        contains(reloaded.output, "go by the on-call plan from now on")
        send("During")
        eventually(lambda: receiver.to("/ana"), why="the plan did not take hold")
        one.edit("jack.yaml", "oncall:\n  file: plan.yaml\n", "oncall:\n")
        equal(one.run("reload", *config).status, 0)
        send("After")
        eventually(lambda: [page for page in receiver.to("/one") if page[2]["alerts"][0]["name"] == "After"], why="the plan did not let go")
        # What began by the plan goes on by it, over a kill too.
        one.kill()
        one.start()
        equal(one.run("oncall", "escalate", *config, "During").status, 0)
        eventually(lambda: [page for page in receiver.to("/bea") if page[2]["alerts"][0]["name"] == "During"], timeout=30, why="it forgot its plan")
    receiver.close()


def test_coverage_heeds_the_routes_and_a_dry_run_lists_who_would_be_paged_instead():
    receiver = Receiver()
    with house(receiver) as one:
        config = ("--config", str(one.config))
        covered = one.run("oncall", "coverage", *config)
        equal(covered.status, 0, covered)
        contains(covered.output, "every moment is covered")
        plan = one.folder / "config" / "plan.yaml"
        text = plan.read_text()
        muted = text.replace("group_wait: 0s}", "group_wait: 0s, routes: [{matchers: ['type=\"security\"'], receiver: nights, mute_time_intervals: [always]}]}")
        muted = muted.replace("policies:\n  nights:\n", "policies:\n  nights:\n    respond_within: 10m\n")
        plan.write_text(muted + "time_intervals: [{name: always, time_intervals: [{times: [{start_time: '00:00', end_time: '23:59'}]}]}]\n")
        missing = one.run("oncall", "coverage", *config)
        equal(missing.status, 1, missing)
        assert re.search(r"gap: nights, critical: the route tells nobody", missing.output), missing
        assert re.search(r"because: muted by “always”, .*plan\.yaml:\d+:\d+, on the route at .*plan\.yaml:\d+:\d+", missing.output), missing
        plan.write_text(text)
        one.start()
        equal(one.run("alert", "send", *config, "--name", "LiftStuck", "--severity", "error").status, 0)
        eventually(lambda: receiver.to("/ana"), why="Ana was not paged")
        plan.write_text(text.replace("{name: second, notify: [bea]", "{name: second, notify: [ana]"))
        asked = one.run("reload", "--dry-run", *config)
        equal(asked.status, 0, asked)
        assert re.search(r"open: oncall:\S+ \(LiftStuck\): nights pages webhook of Bea, as level 2 at \S+; it keeps the plan.*nights would page webhook of Ana", asked.output), asked
    receiver.close()


def test_what_is_past_is_told_and_played_through_another_plan():
    receiver = Receiver()
    with house(receiver) as one:
        config = ["--config", str(one.config)]
        one.start()
        sent = one.run("alert", "send", *config, "--name", "DiskFull", "--severity", "critical", "--summary", "the disk is full", "room=204")
        equal(sent.status, 0, sent)
        page = eventually(lambda: receiver.to("/ana"), why="Ana was not paged")[0]
        token = urllib.parse.parse_qs(urllib.parse.urlsplit(page[2]["url"]).query)["token"][0]
        form = f"token={urllib.parse.quote(token)}&action=acknowledge".encode()
        equal(request("POST", one.url + "/oncall/answer", body=form, headers={"Content-Type": "application/x-www-form-urlencoded"}).status, 200)
        eventually(lambda: receiver.to("/ana", "update"), why="Ana was not told that it is acknowledged")
        told = {}
        for subject in ("DiskFull", page[2]["id"]):
            told[subject] = one.run("why", *config, subject)
            equal(told[subject].status, 0, told[subject])
            for words in ("alert: raised", "DiskFull room=204 (critical", "route: nights", "plan.yaml:", "page: paged", "delivery: sent", "answer: acknowledged", "by ana, link"):
                contains(told[subject].output, words)
        missing = one.run("why", *config, "NoSuchAlert")
        equal(missing.status, 1, missing)
        # What Jack wrote down is there when it is gone.
        one.kill()
        stored = one.run("why", *config, "DiskFull")
        equal(stored.status, 0, stored)
        # A moment may be printed a millisecond apart: one of them has been a text in between.
        def lines(result):
            return {re.sub(r"^20\S+Z", "", line) for line in result.output.splitlines()}
        assert lines(told["DiskFull"]) <= lines(stored), (stored, told["DiskFull"])
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        time.sleep(1.1)
        plan = one.folder / "config" / "plan.yaml"
        plan.write_text(plan.read_text().replace("{name: first, notify: [ana]", "{name: first, notify: [ana, bea]"))
        one.start()
        then = one.run("route", "explain", *config, "--at", moment, "alertname=DiskFull", "severity=critical")
        equal(then.status, 0, then)
        contains(then.output, "not the current one")
        assert "Bea" not in then.output.split("level 2")[0], then
        now = one.run("route", "explain", *config, "alertname=DiskFull", "severity=critical")
        assert "Bea" in now.output.split("level 2")[0] and "not the current one" not in now.output, now
        other = one.run("route", "explain", *config, "--plan", str(plan), "--at", moment, "alertname=DiskFull", "severity=critical")
        assert "Bea" in other.output.split("level 2")[0], other
        # While it runs: the plan of then, and the one as it stands.
        again = one.run("oncall", "backtest", *config, "--since", "1h", "--json")
        equal(again.status, 0, again)
        report = json.loads(again.output)
        equal(([added["person"] for added in report["added"] if added["alert"] == "DiskFull room=204"], report["removed"]), (["bea"], []), report)
        assert re.search(r"plan.yaml:\d+$", report["added"][0]["place"]), report
        # A plan in a file of its own.
        new = one.folder / "config" / "new.yaml"
        new.write_text(plan.read_text().replace("notify: [ana, bea]", "notify: [bea]"))
        changed = one.run("oncall", "backtest", "--config", str(new), "--since", "1h")
        equal(changed.status, 0, changed)
        contains(changed.output, "removed")
        contains(changed.output, "added")
        alerts = one.folder / "alerts.json"
        start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 7200))
        alerts.write_text(json.dumps([{"labels": {"alertname": "Fire", "severity": "critical"}, "annotations": {}, "startsAt": start, "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "0", "status": {"state": "active", "silencedBy": [], "inhibitedBy": []}, "receivers": [], "updatedAt": start}]))
        lost = new.with_name("lost.yaml")
        lost.write_text(plan.read_text().replace("name: first,", "name: first, max_severity: info,").replace("name: second,", "name: second, max_severity: info,"))
        played = one.run("oncall", "backtest", "--config", str(lost), "--alerts", str(alerts))
        equal(played.status, 1, played)
        contains(played.output, "would reach nobody")
        equal(one.run("oncall", "backtest", *config, "--alerts", str(one.config)).status, 2, "what is no list of alerts")


def test_what_guests_write_is_played_through_the_butler():
    # Most of it is the time in which a debug build learns the hotel's intents, once.
    result = run("oncall", "test", "-v", "config/oncall-tests/guests.yaml", timeout=300)
    equal(result.status, 0, result)
    contains(result.output, "7 passed, 0 failed")
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
