"""Who is told what, by Jack and by Debian's own Alertmanager: twenty generated plans, the same alerts to both, and what their webhooks receive is compared.

Routes are compared by AmtoolOracleTests; here it is all that comes after: groups and their waits, what is new in a group and what has ended, inhibition, and times at which a route
is muted or not active. JACK_ORACLE_SEED begins another sequence, JACK_ORACLE_PLANS sets how many plans there are.

All plans are one: each is a subtree of its own, for alerts that carry its label `plan`. Severities stay below critical, of which Jack tells at once and Alertmanager does not.
An alert ends only where no rule inhibits: where the alerts of a group that were told end, and inhibited ones go on, Alertmanager tells of the end at once, and Jack when all of it is over.
"""
import collections
import json
import os
import random
import re
import subprocess
import threading
import time

from lib_jack import House, Listener, equal, eventually, free_port, main, request

PLANS = int(os.environ.get("JACK_ORACLE_PLANS", 20))
SEED = int(os.environ.get("JACK_ORACLE_SEED", 20261122))
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
MATCHERS = [
    'severity="warning"', 'severity!="info"', 'severity=~"info|error"', 'room="1"', 'room!~"1|2"', 'room=""', 'alertname=~"A|B"', 'alertname!="A"', 'kind="source"',
]


class Told(Listener):
    """Takes Alertmanager's webhooks, of the one and of the other: `/<who>/<receiver>`."""

    def __init__(self):
        self.lock = threading.Lock()
        self.bodies = collections.defaultdict(list)
        super().__init__()

    def answer(self, handler, body):
        _, who, receiver = handler.path.split("/")
        with self.lock:
            self.bodies[who].append((receiver, json.loads(body)))
        self.reply(handler, 200, {})

    def state(self, who):
        """Of each group of each receiver: what fires by the latest telling, and all that was ever told as firing."""
        found = {}
        with self.lock:
            bodies = list(self.bodies[who])
        for receiver, body in bodies:
            # What Jack tells of itself goes to the root's receiver.
            if not receiver.startswith("p"):
                continue
            equal((body["version"], body["receiver"]), ("4", receiver), "a body")
            firing = frozenset(name(alert["labels"]) for alert in body["alerts"] if alert["status"] == "firing")
            key = (receiver, name(body["groupLabels"]))
            found[key] = (firing, found.get(key, (None, frozenset()))[1] | firing)
        return found


def name(labels):
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels))


class Plan:
    """One generated subtree, and the alerts that go through it."""

    def __init__(self, number, rng):
        self.number, self.rng, self.receivers = number, rng, []
        # Every second plan has a rule that inhibits.
        self.inhibits = number % 2 == 1
        self.route = self.subtree(0)
        self.route["matchers"] = [f'plan="{number}"']
        self.route.pop("continue", None)

    def subtree(self, depth):
        rng = self.rng
        # A receiver for each route, so that what a group was told is known by it and the group's labels.
        receiver = f"p{self.number}r{len(self.receivers)}"
        self.receivers.append(receiver)
        route = {"receiver": receiver, "matchers": rng.sample(MATCHERS, rng.choice([1, 1, 2])), "group_wait": "1s", "group_interval": rng.choice(["1s", "2s"])}
        if depth == 0 or rng.random() < 0.6:
            # No empty list: Debian's 0.25 takes it as none, so that the parent's holds; later ones and Jack take it as it stands.
            route["group_by"] = rng.choice([["alertname"], ["room"], ["alertname", "severity"], ["..."], ["nothing_has_it"]])
        if rng.random() < 0.5:
            route["continue"] = True
        if rng.random() < 0.35:
            route[rng.choice(["mute_time_intervals", "active_time_intervals"])] = [rng.choice(["today", "not-today"])]
        if depth < 2:
            children = [self.subtree(depth + 1) for _ in range(rng.choice([2, 3]) if depth == 0 else rng.choice([0, 1, 2]))]
            if children:
                route["routes"] = children
        return route

    def rule(self):
        return {
            "source_matchers": [f'plan="{self.number}"', 'kind="source"'], "target_matchers": [f'plan="{self.number}"', 'severity=~"info|warning"'],
            "equal": ["plan", "room"],
        }

    def sources(self):
        return [self.alert("A", "error", "1", kind="source")] if self.inhibits else []

    def alerts(self):
        """Some for the first telling, and some for a later one."""
        all_of_them = [self.alert(alertname, severity, room) for alertname in "ABC" for severity in ("info", "warning", "error") for room in ("", "1", "2")]
        chosen = self.rng.sample(all_of_them, 9)
        return chosen[:6], chosen[6:]

    def alert(self, alertname, severity, room, **more):
        labels = {"alertname": alertname, "severity": severity, "plan": str(self.number)} | more
        return {"labels": labels | ({"room": room} if room else {})}


def configuration(plans, url, who):
    today = time.gmtime().tm_wday
    return {
        "route": {"receiver": "root", "group_by": ["alertname"], "group_wait": "1s", "group_interval": "1s", "repeat_interval": "4h", "routes": [plan.route for plan in plans]},
        "receivers": [{"name": receiver, "webhook_configs": [{"url": f"{url}/{who}/{receiver}"}]} for receiver in ["root"] + [r for plan in plans for r in plan.receivers]],
        "inhibit_rules": [plan.rule() for plan in plans if plan.inhibits],
        # Midnight may pass while this runs.
        "time_intervals": [
            {"name": "today", "time_intervals": [{"weekdays": sorted({DAYS[(today + day) % 7] for day in (-1, 0, 1)})}]},
            {"name": "not-today", "time_intervals": [{"weekdays": [DAYS[(today + 3) % 7]]}]},
        ],
    }


class Both:
    """Jack and Alertmanager, by the same plan."""

    def __init__(self, plans):
        self.told, self.port = Told(), free_port()
        self.house = House("server.rate_limit.requests=0", "log.level=warning")
        url = self.told.url
        # What a plan of Jack's must have beside: whom an emergency reaches.
        people = {
            "people": {"bea": {"contacts": [
                {"type": "webhook", "url": f"{url}/jack/bea", "through": "hook"}, {"type": "pagerduty", "service_key": "0123456789abcdef" * 2}]}},
            "policies": {"fire": {"levels": [{"notify": ["bea"], "wait": "1h"}]}}, "emergency": {"policy": "fire"},
        }
        (self.house.folder / "config" / "plan.yaml").write_text(json.dumps(people | configuration(plans, url, "jack"), indent=1))
        self.house.edit("jack.yaml", "alerts:\n  log: {}\n", (
            "alerts:\n  log: {}\n"
            f"  hook:\n    plugin: webhook\n    settings: {{url: \"{url}/jack/hook\", secret: 0123456789abcdef0123, format: alertmanager, reaches_human: true}}\n"
            f"  pagerduty:\n    settings: {{routing_key: 0123456789abcdef0123456789abcdef, base_url: \"{url}\"}}\n"))
        self.house.edit("jack.yaml", "oncall:\n", "oncall:\n  file: plan.yaml\n")
        file = self.house.folder / "alertmanager.yml"
        file.write_text(json.dumps(configuration(plans, url, "theirs"), indent=1))
        log = open(self.house.folder / "alertmanager.log", "ab")
        self.theirs = subprocess.Popen(
            ["prometheus-alertmanager", f"--config.file={file}", f"--storage.path={self.house.folder}/alertmanager", f"--web.listen-address=127.0.0.1:{self.port}",
             "--cluster.listen-address=", "--log.level=warn"], cwd=self.house.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()

    def __enter__(self):
        self.house.start()
        eventually(self.is_ready, 20, why="Alertmanager is not ready")
        return self

    def __exit__(self, *_):
        self.theirs.kill()
        self.theirs.wait()
        self.house.close()
        self.told.close()

    def is_ready(self):
        assert self.theirs.poll() is None, (self.house.folder / "alertmanager.log").read_text()
        try:
            return request("GET", f"http://127.0.0.1:{self.port}/-/ready").status == 200
        except OSError:
            return False

    def post(self, alerts):
        for answer in (self.house.api("POST", "/api/v2/alerts", alerts), request("POST", f"http://127.0.0.1:{self.port}/api/v2/alerts", body=alerts)):
            equal(answer.status, 200, answer)

    def agree(self, what):
        """Waits until both have told all, and compares; what comes later must agree too."""
        time.sleep(4)
        eventually(lambda: self.compare(what), 10)
        time.sleep(2.5)
        self.compare(what)

    def compare(self, what):
        ours, theirs = self.told.state("jack"), self.told.state("theirs")
        differences = []
        for key in sorted(set(ours) | set(theirs)):
            if ours.get(key) != theirs.get(key):
                differences.append(f"{key[0]} of the group {{{key[1]}}}: Jack {shown(ours.get(key))}, Alertmanager {shown(theirs.get(key))}")
        plans = sorted({re.match(r"p(\d+)r", line)[1] for line in differences}, key=int)
        assert not differences, f"{what}, seed {SEED}: {len(differences)} groups of the plans {', '.join(plans)} differ:\n" + "\n".join(differences[:12])
        return True


def shown(state):
    return f"fires {sorted(state[0])}, ever {sorted(state[1])}" if state else "told nothing"


def ended(alerts):
    return [alert | {"endsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())} for alert in alerts]


def test_who_is_told_of_what_is_alertmanagers():
    plans = [Plan(number, random.Random(SEED * 1000 + number)) for number in range(PLANS)]
    batches = {plan.number: plan.alerts() for plan in plans}
    with Both(plans) as both:
        # What inhibits is there first: of two at once either may be looked at first.
        both.post([alert for plan in plans for alert in plan.sources()])
        time.sleep(0.5)
        both.post([alert for first, _ in batches.values() for alert in first])
        both.agree("at first")
        begun = both.told.state("theirs")
        # New ones come into groups that were told, others end, and what was inhibited is not any more.
        over = [alert for plan in plans if not plan.inhibits for alert in batches[plan.number][0][:3]]
        both.post([alert for _, later in batches.values() for alert in later] + ended(over) + ended([alert for plan in plans for alert in plan.sources()]))
        both.agree("after news")
        later = both.told.state("theirs")
        # The rest ends.
        both.post(ended([alert for first, second in batches.values() for alert in first[3:] + second]))
        both.post(ended([alert for plan in plans if plan.inhibits for alert in batches[plan.number][0][:3]]))
        both.agree("at the end")
        assert not any(firing for firing, _ in both.told.state("jack").values()), "something fires still"
        equal(both.house.stop(), 0)
    # What is told of nothing proves nothing.
    told = {receiver for receiver, _ in later}
    silent = {receiver for plan in plans for receiver in plan.receivers} - told
    more = [key for key in later if key not in begun or later[key][1] != begun[key][1]]
    print(f"# {PLANS} plans: {len(later)} groups of {len(told)} receivers, {len(more)} told of more later, {len(silent)} receivers told of nothing", flush=True)
    assert len(later) > 3 * PLANS and len(more) > PLANS and len(silent) > PLANS / 2, "the plans say too little"


if __name__ == "__main__":
    main()
