"""Kills Jack in the middle of escalations at random moments, and counts from the receivers' side what became of every alert.

    oncall_crash_test.py [N] [--seconds S] [--seed X] [--keep]

N is how often Jack is killed (4 where nothing is said); S the longest that it lives, in seconds. Every fifth life ends while it is still starting.

Each alert has three levels, a few seconds apart. Some are acknowledged by the link of one of their pages, some end by themselves, of the rest every level must be paged. Exit
status 1 where an alert that was taken is forgotten, a level is paged twice without saying that it may be a repetition, or one that is acknowledged or over pages again.
"""
import argparse
import collections
import concurrent.futures
import random
import sys
import threading
import time
import urllib.parse

from lib_jack import TOKEN, report, request
from lib_oncall import Receiver, planned_house

WAIT = 3
LEVELS = "abc"
# One person is told of more than ten things in ten minutes together, which is right and not what is counted here.
ALERTS_A_PERSON = 6
# What is on its way at the moment of an answer may still arrive: after a start all that waited leaves at once, and people who waited answer at once.
SLACK = 2.0


class Alert:
    def __init__(self, number, fate):
        self.name, self.line, self.fate = f"Crash{number}", number // ALERTS_A_PERSON, fate
        # When Jack had said yes to it, and to its end.
        self.taken = self.ended = None


def plan(lines, url):
    text = "people:\n"
    for line in range(lines):
        for level in LEVELS:
            text += f'  {level}{line}: {{contacts: [{{type: webhook, url: "{url}/{level}{line}", through: one}}, {{type: pagerduty, service_key: {"0123456789abcdef" * 2}}}]}}\n'
    text += "policies:\n"
    for line in range(lines):
        text += f"  p{line}:\n    levels:\n" + "".join(f"      - {{notify: [{level}{line}], wait: {WAIT}s}}\n" for level in LEVELS)
    text += "emergency: {policy: p0}\nroute:\n  receiver: p0\n  group_by: [alertname]\n  group_wait: 0s\n  routes:\n"
    text += "".join(f"    - {{receiver: p{line}, matchers: ['line=\"{line}\"']}}\n" for line in range(lines))
    return text + "receivers:\n" + "".join(f"  - {{name: p{line}, policy: p{line}}}\n" for line in range(lines))


class Traffic:
    """Who raises alerts and answers them, again and again until Jack says yes, as Prometheus and people do."""

    def __init__(self, house, receiver, rng):
        self.house, self.receiver, self.rng = house, receiver, rng
        self.alerts, self.lock, self.is_over = {}, threading.Lock(), False
        self.pool = concurrent.futures.ThreadPoolExecutor(max_workers=24)

    def add(self, number):
        alert = Alert(number, self.rng.choice(["acknowledge", "end", "nothing", "nothing"]))
        self.alerts[alert.name] = alert
        self.pool.submit(self.live, alert, self.rng.uniform(0, 2 * WAIT))

    def live(self, alert, patience):
        labels = {"alertname": alert.name, "line": str(alert.line), "severity": "critical"}
        self.insist(lambda: request("POST", self.house.url + "/api/v2/alerts", [{"labels": labels, "startsAt": stamp()}], TOKEN, timeout=5))
        alert.taken = time.time()
        if alert.fate == "nothing":
            return
        while not self.is_over and not (pages := self.pages(alert)):
            time.sleep(0.05)
        time.sleep(patience)
        if alert.fate == "end":
            self.insist(lambda: request("POST", self.house.url + "/api/v2/alerts", [{"labels": labels, "endsAt": stamp()}], TOKEN, timeout=5))
        else:
            token = urllib.parse.urlsplit(pages[0][2]["url"]).query
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            self.insist(lambda: request("POST", self.house.url + "/oncall/answer", f"{token}&action=acknowledge".encode(), headers=form, timeout=5))
        alert.ended = time.time()

    def insist(self, ask):
        while not self.is_over:
            try:
                answer = ask()
                if answer.status == 200:
                    return
                if answer.status not in (429, 503):
                    raise AssertionError(f"refused: {answer}")
            except OSError:
                pass
            time.sleep(0.1)

    def pages(self, alert):
        return [page for page in list(self.receiver.by_name[alert.name]) if page[2]["event"] == "page"]


def stamp():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def drive(house, traffic, options, rng, total):
    house.launch()
    house.until_ready()
    numbers, starts = iter(range(total)), []
    for kill in range(1, options.kills + 1):
        for number in (next(numbers) for _ in range(total // (options.kills + 1))):
            traffic.add(number)
        if kill % 5 == 0:
            house.kill()
            house.launch()
            time.sleep(rng.uniform(0, 0.4))
        else:
            time.sleep(rng.uniform(0.2, options.seconds))
        house.kill()
        time.sleep(rng.choice([0, 0, rng.uniform(0, 2 * WAIT)]))
        began = time.monotonic()
        house.launch()
        house.until_ready()
        starts.append(time.monotonic() - began)
        print(f"kill {kill} of {options.kills}: back after {starts[-1]:.2f} s, {len(traffic.receiver.pages)} pages", flush=True)
    for number in numbers:
        traffic.add(number)
    end = time.monotonic() + options.quiet
    while time.monotonic() < end and not all(is_done(traffic, alert) for alert in traffic.alerts.values()):
        time.sleep(0.2)
    # A page too many would come now.
    time.sleep(2 * WAIT)
    traffic.is_over = True
    traffic.pool.shutdown(wait=True)
    return starts


def is_done(traffic, alert):
    if alert.fate != "nothing":
        return alert.ended is not None
    return alert.taken is not None and {page[1][1] for page in traffic.pages(alert)} >= set(LEVELS)


def count(traffic):
    found = collections.OrderedDict((name, []) for name in ["forgotten", "doubled", "again"])
    repeated = 0
    for alert in traffic.alerts.values():
        pages = traffic.pages(alert)
        if not pages or not is_done(traffic, alert):
            found["forgotten"].append(f"{alert.name} ({alert.fate}): {[page[1] for page in pages]}")
        ids = collections.defaultdict(list)
        for page in pages:
            ids[page[1]].append(page)
        for path, sent in ids.items():
            repeated += len(sent) - 1
            if len({page[2]["id"] for page in sent}) > 1 or any(not page[2].get("mayRepeat") for page in sent[1:]):
                found["doubled"].append(f"{alert.name} at {path}: {[(page[2]['id'], page[2].get('mayRepeat')) for page in sent]}")
        late = [page for page in pages if alert.ended and page[0] > alert.ended + SLACK]
        if late:
            found["again"].append(f"{alert.name} ({alert.fate}) {late[0][0] - alert.ended:.1f} s after: {late[0][1]} {late[0][2]['id']} {late[0][2].get('mayRepeat')}")
    return found, repeated


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kills", nargs="?", type=int, default=4, metavar="N")
    parser.add_argument("--seconds", type=float, default=5, help="the longest that Jack lives")
    parser.add_argument("--quiet", type=float, default=90, help="how long every level may take to be paged at the end, in seconds")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--keep", action="store_true", help="keep the database and the log")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    rng, receiver, total = random.Random(seed), Receiver(), 8 * (options.kills + 1)
    house = planned_house(receiver, plan((total - 1) // ALERTS_A_PERSON + 1, receiver.url), "server.rate_limit.requests=0", "log.level=warning")
    status = 1
    try:
        traffic = Traffic(house, receiver, rng)
        starts = drive(house, traffic, options, rng, total)
        left = house.stop()
        found, repeated = count(traffic)
        fates = collections.Counter(alert.fate for alert in traffic.alerts.values())
        rows = [
            ("times killed", options.kills, None), ("alerts", total, None), ("acknowledged", fates["acknowledge"], None), ("over by themselves", fates["end"], None),
            ("pages", sum(len(traffic.pages(alert)) for alert in traffic.alerts.values()), None), ("repeated, and said so", repeated, None),
            ("forgotten", len(found["forgotten"]), 0), ("paged twice", len(found["doubled"]), 0), ("paged after the end", len(found["again"]), 0),
            ("exit status at the end", left, 0),
        ]
        bad = report(seed, rows, starts)
        for kind, lines in found.items():
            for line in lines[:8]:
                print(f"{kind}: {line}")
        if bad:
            print(f"FAILED on-call crash test with seed {seed}: {', '.join(bad)}\n{house.tail()}")
        status = 1 if bad else 0
    except AssertionError as error:
        print(f"FAILED on-call crash test with seed {seed}: {error}")
    finally:
        receiver.close()
        if options.keep:
            print(f"kept in {house.folder}")
            house.process.poll() is None and house.kill()
        else:
            house.close()
    print("1 passed, 0 failed" if status == 0 else "0 passed, 1 failed")
    sys.exit(status)


if __name__ == "__main__":
    main()
