"""Incidents and maintenance, with the real program: the command line, pages to a receiver of the test's own, and `kill -9` in the middle."""
import contextlib
import json
import re
import time

from lib_jack import contains, equal, eventually, main, request, run
from lib_oncall import Receiver, planned_house

PLAN = """
people:
  ana: {name: Ana, contacts: [{type: webhook, url: "%(url)s/ana", through: one}]}
  bea: {name: Bea, contacts: [{type: webhook, url: "%(url)s/bea", through: one}, {type: pagerduty, service_key: 0123456789abcdef0123456789abcdef}]}
policies:
  nights: {levels: [{name: first, notify: [ana], wait: 1h}]}
  fire: {levels: [{name: everybody, notify: [bea], wait: 1h}]}
emergency: {policy: fire}
route: {receiver: nights, group_by: [alertname], group_wait: 0s, group_interval: 1s}
receivers:
  - {name: nights, policy: nights}
incidents:
  priorities:
    P1:
      respond_within: 1h
      watch: 1s
      playbook:
        - {step: acknowledge, within: 3s, do: [Look at it]}
        - step: mitigate
        - step: resolve
  open:
    - {matchers: ['type="database_error"'], priority: P1}
maintenance:
  windows: []
  recovery: {every: 1s, rollback: true}
"""


def names(receiver, event="page"):
    """The names of the alerts that were told, in order."""
    return [alert["name"] for _, _, page in receiver.pages if page["event"] == event for alert in page["alerts"]]


def house(receiver):
    one = planned_house(receiver, PLAN % {"url": receiver.url})
    one.environment["USER"] = "rosa"
    return one


def jack(one, *arguments, status=0):
    result = one.run(*arguments, "--config", str(one.config))
    equal(result.status, status, (arguments, result))
    return result.output


def incidents(one):
    return json.loads(jack(one, "incident", "list", "--json"))


def test_the_sample_is_sound_and_its_scenarios_pass():
    equal(run("check", "config/jack.yaml").status, 0)
    equal(run("oncall", "test", "config/oncall-tests/nights.yaml").status, 0)
    explained = run("route", "explain", "--at", "2026-11-22T02:30Z", "alertname=Disk", "service=backup", "severity=critical")
    equal(explained.status, 1, explained)
    assert re.search(r"^muted +nobody is told until .* maintenance “weekly”, config/oncall.yaml:\d+:\d+$", explained.output, re.M), explained


def test_an_incident_opens_by_rule_is_late_after_a_kill_and_ends_with_its_post_mortem():
    with contextlib.closing(Receiver()) as receiver, house(receiver) as one:
        one.start()
        jack(one, "alert", "send", "--name", "DatabaseDown", "--severity", "error", "--summary", "guest Marta Bergmann cannot pay", "type=database_error", "room=204")
        found = eventually(lambda: incidents(one), why="no incident was opened")
        one.kill()
        time.sleep(3)
        one.start()
        eventually(lambda: "IncidentStepLate" in names(receiver), timeout=20, why="the late step was forgotten")
        equal(len(incidents(one)), 1, "incidents after the restart")
        name = found[0]["id"]
        equal(found[0]["title"], "DatabaseDown")
        contains(jack(one, "incident", "list"), "acknowledge")
        contains(jack(one, "incident", "take", name), "is acknowledged; next: mitigate")
        eventually(lambda: "IncidentStepLate" in names(receiver, "resolve"), why="the end was not told")
        jack(one, "incident", "note", name, "token=abcdef and ada@example.com")
        jack(one, "incident", "status", name, "We are working on it.")
        jack(one, "incident", "step", name, "mitigat", status=1)
        jack(one, "incident", "step", name, "mitigate")
        contains(jack(one, "incident", "resolve", name), "is watching")
        eventually(lambda: incidents(one)[0]["state"] == "resolved", why="the watching did not end")
        text = jack(one, "incident", "postmortem", name)
        for part in ("# P1: DatabaseDown", "| commander | rosa |", "acknowledge is not done within 3s", "Ana", "We are working on it.", "## Root cause"):
            contains(text, part)
        for part in ("Bergmann", "abcdef", "ada@example.com"):
            assert part not in text, text
        jack(one, "incident", "close", name, status=1)
        file = one.folder / "postmortem.md"
        file.write_text(text + "\nThe disk was full.\n")
        contains(jack(one, "incident", "close", name, "--postmortem", str(file)), "is closed")
        equal(incidents(one), [])
        contains(jack(one, "incident", "postmortem", name), "The disk was full.")


def test_maintenance_mutes_refuses_survives_and_rolls_back():
    with contextlib.closing(Receiver()) as receiver, house(receiver) as one:
        one.start()
        before = one.config.read_text()
        jack(one, "maintenance", "begin", "--for", "10m", "--match", "service=database", "--refuse-requests", "--comment", "new disks")
        one.kill()
        one.start()
        contains(jack(one, "maintenance", "status"), "new disks")
        refused = request("GET", one.url + "/")
        equal(refused.status, 503, refused)
        assert 1 <= int(refused.headers["Retry-After"]) <= 600, refused.headers
        equal((one.get("/healthz").status, one.get("/metrics").status, one.api("GET", "/api/v1/tasks").status), (200, 200, 200))
        jack(one, "alert", "send", "--name", "Muted", "--severity", "critical", "service=database")
        jack(one, "alert", "send", "--name", "Heard", "--severity", "critical", "service=web")
        eventually(lambda: "Heard" in names(receiver), why="what is not worked on was not paged")
        assert "Muted" not in names(receiver), names(receiver)

        # A change that is no good: its plugin is not well, and the end of the window takes it back.
        one.edit("jack.yaml", "alerts:\n  log: {}\n", "alerts:\n  log: {}\n  two:\n    plugin: webhook\n    settings: {url: \"http://127.0.0.1:9/x\", secret: \"${HOOK_SECRET}\"}\n")
        jack(one, "reload")
        jack(one, "plugins", "hold", "two", "--reason", "it is broken")
        contains(jack(one, "maintenance", "end", status=1), "not well: two")
        equal(one.config.read_text(), before, "the configuration")
        eventually(lambda: "MaintenanceUnhealthy" in names(receiver), why="nobody was told")
        eventually(lambda: "no maintenance" in jack(one, "maintenance", "status"), timeout=30, why="it did not end when all was well")
        equal(request("GET", one.url + "/").status, 200)
        eventually(lambda: "Muted" in names(receiver), timeout=30, why="what still fires was forgotten")
        eventually(lambda: "MaintenanceUnhealthy" in names(receiver, "resolve"), why="the end was not told")


def test_mistakes_are_told_with_lines():
    with contextlib.closing(Receiver()) as receiver, house(receiver) as one:
        plan = one.folder / "config" / "plan.yaml"
        plan.write_text(plan.read_text().replace("    P1:\n", "    P7:\n").replace("watch: 1s", "watch: one").replace("every: 1s", "every: 1s, comand: [x]"))
        result = one.run("check", str(one.config))
        equal(result.status, 1, result)
        for pattern in (r"plan\.yaml:14:\d+: error: .*P7", r"plan\.yaml:16:\d+: error: .*one", r"plan\.yaml:\d+:\d+: error: .*comand.*did you mean"):
            assert re.search(pattern, result.output), (pattern, result)


if __name__ == "__main__":
    main()
