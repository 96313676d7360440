"""Kills Jack under load at random moments, and counts from the guests' side what became of every message.

    crash_test.py [N] [--seconds S] [--sessions C] [--seed X] [--keep]

N is how often Jack is killed (3 where nothing is said); S the longest that it lives, in seconds. Every fifth life ends while it is still starting.

Guests do what the page does: they come back with their token, and send again under the same id what was not acknowledged. Every text is one that Jack answers by itself,
so each must have one answer, and each request for towels one task. Exit status 1 where a message was lost, answered twice, or left without its answer.
"""
import argparse
import asyncio
import collections
import contextlib
import json
import random
import sqlite3
import sys
import time

import websockets

from lib_jack import House, report

TEXTS = [
    ("When is breakfast?", False),
    ("please bring two towels to 204", True),
    ("Hello", False),
    ("What is the wifi password?", False),
    ("two more towels for room 309 please", True),
    ("What time is check-out?", False),
]


class Guest:
    def __init__(self, house, number, rng):
        self.house, self.number, self.rng = house, number, rng
        self.token, self.connected = None, False
        self.texts, self.sent = {}, collections.Counter()
        self.acknowledged, self.replies = set(), collections.defaultdict(set)
        self.history, self.problems, self.refused = set(), [], collections.Counter()
        self.sessions = 0

    def missing(self):
        return [name for name in self.texts if name not in self.acknowledged or not self.replies[name]]

    async def live(self, load):
        """Writes while there is load, and goes on until everything is acknowledged and answered."""
        while load.wants(self):
            try:
                async with websockets.connect(self.house.socket_url, open_timeout=5, close_timeout=0.2, ping_interval=None, max_size=2**24) as socket:
                    await self.talk(socket, load)
            except (OSError, websockets.WebSocketException, asyncio.TimeoutError, EOFError):
                pass
            self.connected = False
            await asyncio.sleep(self.rng.uniform(0.02, 0.25))

    async def talk(self, socket, load):
        await socket.send(json.dumps({"type": "hello", "token": self.token, "locale": "en"}))
        reader = asyncio.create_task(self.read(socket))
        try:
            while not self.connected and not reader.done():
                await asyncio.sleep(0.005)
            for name in [name for name in self.texts if name not in self.acknowledged]:
                await self.say(socket, name)
            last = time.monotonic()
            while load.wants(self) and not reader.done():
                if load.is_on:
                    name = f"g{self.number}-{len(self.texts)}"
                    self.texts[name] = self.rng.choice(TEXTS)
                    await self.say(socket, name)
                    await asyncio.sleep(self.rng.expovariate(1 / load.pause))
                else:
                    # The page sends again what was refused or has waited for long.
                    if time.monotonic() - last > 3:
                        last = time.monotonic()
                        for name in [name for name in self.texts if name not in self.acknowledged]:
                            await self.say(socket, name)
                    await asyncio.sleep(0.05)
        finally:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await reader

    async def say(self, socket, name):
        self.sent[name] += 1
        await socket.send(json.dumps({"type": "message", "id": name, "text": self.texts[name][0]}))

    async def read(self, socket):
        async for raw in socket:
            frame = json.loads(raw)
            match frame["type"]:
                case "session":
                    self.sessions += 1
                    if self.token and not frame["restored"] and self.acknowledged:
                        self.problems.append("its session was not known any more")
                    self.token = frame["token"]
                    for entry in frame["history"]:
                        if entry["from"] == "guest":
                            self.history.add(entry["id"])
                        elif entry["in_reply_to"]:
                            self.replies[entry["in_reply_to"]].add(entry["id"])
                    self.connected = True
                case "ack":
                    self.acknowledged.add(frame["id"])
                case "message" if frame.get("in_reply_to"):
                    self.replies[frame["in_reply_to"]].add(frame["id"])
                case "error":
                    self.refused[frame["code"]] += 1


class Load:
    def __init__(self, pause):
        self.is_on, self.is_over, self.pause = True, False, pause

    def wants(self, guest):
        return not self.is_over and (self.is_on or bool(guest.missing()))


async def drive(house, options, rng):
    guests = [Guest(house, number, random.Random(rng.random())) for number in range(options.sessions)]
    load = Load(options.pause)
    house.launch()
    await ready(house)
    tasks = [asyncio.create_task(guest.live(load)) for guest in guests]
    starts = []
    for number in range(1, options.kills + 1):
        if number % 5 == 0:
            # Killed while it starts: what it was doing to its files must not matter.
            house.kill()
            house.launch()
            await asyncio.sleep(rng.uniform(0, 0.4))
        else:
            await asyncio.sleep(rng.uniform(0.2, options.seconds))
        house.kill()
        began = time.monotonic()
        house.launch()
        await ready(house)
        starts.append(time.monotonic() - began)
        print(f"kill {number} of {options.kills}: back after {starts[-1]:.2f} s, {sum(len(guest.acknowledged) for guest in guests)} acknowledged", flush=True)
    await asyncio.sleep(rng.uniform(0.5, options.seconds))
    load.is_on = False
    end = time.monotonic() + options.quiet
    while time.monotonic() < end and any(guest.missing() for guest in guests):
        await asyncio.sleep(0.2)
    load.is_over = True
    await asyncio.gather(*tasks)
    # What a guest finds who comes back once more.
    for guest in guests:
        with contextlib.suppress(Exception):
            async with websockets.connect(house.socket_url, max_size=2**24) as socket:
                await socket.send(json.dumps({"type": "hello", "token": guest.token, "locale": "en"}))
                frame = json.loads(await asyncio.wait_for(socket.recv(), 10))
                guest.history = {entry["id"] for entry in frame["history"] if entry["from"] == "guest"}
                for entry in frame["history"]:
                    if entry["from"] != "guest" and entry["in_reply_to"]:
                        guest.replies[entry["in_reply_to"]].add(entry["id"])
    held = [plugin["instance"] for plugin in house.api("GET", "/api/v1/plugins").json["items"] if plugin["state"] != "running"]
    return guests, starts, held


async def ready(house):
    await asyncio.get_running_loop().run_in_executor(None, house.until_ready)


def count(house, guests):
    """Holds what the guests saw against what is stored."""
    with sqlite3.connect(f"file:{house.database}?mode=ro", uri=True) as store:
        check = store.execute("PRAGMA integrity_check").fetchall()
        inbox = collections.Counter(row[0].split(":", 1)[1] for row in store.execute("SELECT vendor_id FROM inbox"))
        left = dict(store.execute("SELECT state, COUNT(*) FROM inbox WHERE state <> 'done' GROUP BY state").fetchall())
        dead = store.execute("SELECT COUNT(*) FROM outbox WHERE state = 'dead'").fetchone()[0]
        messages = {row[0]: row[1].split(":", 1)[1] for row in store.execute("SELECT id, vendor_id FROM message WHERE author = 'guest'")}
        replies = collections.Counter(messages.get(row[0]) for row in store.execute("SELECT in_reply_to FROM message WHERE author <> 'guest'"))
        tasks = collections.Counter(messages.get(row[0]) for row in store.execute("SELECT message_id FROM task"))
        handed = {messages.get(row[0]) for row in store.execute("SELECT subject FROM ledger WHERE step = 'custody'")}
        odd = store.execute("SELECT DISTINCT step, outcome, reason FROM ledger WHERE outcome IN ('hand over', 'hold', 'failed', 'nothing')").fetchall()
    stored = collections.Counter(messages.values())
    result = collections.OrderedDict((name, []) for name in ["lost", "twice", "unanswered", "handed", "tasks"])
    for guest in guests:
        shown = guest.history
        for name in guest.acknowledged:
            # A history holds the last 500 lines; the store holds all.
            if inbox[name] == 0 or stored[name] == 0 or (len(guest.texts) < 200 and name not in shown):
                result["lost"].append(name)
        for name, (text, is_request) in guest.texts.items():
            if len(guest.replies[name]) > 1 or replies[name] > 1 or inbox[name] > 1:
                result["twice"].append(name)
            if name in guest.acknowledged and not guest.replies[name]:
                result["unanswered"].append(name)
            if name in handed:
                result["handed"].append(name)
            if name in guest.acknowledged and tasks[name] != (1 if is_request else 0):
                result["tasks"].append(f"{name} has {tasks[name]} tasks")
    return result, {"check": check, "left": left, "dead": dead, "odd": odd}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kills", nargs="?", type=int, default=3, metavar="N")
    parser.add_argument("--seconds", type=float, default=2.5, help="the longest that Jack lives")
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two messages of a guest, on average")
    parser.add_argument("--quiet", type=float, default=90, help="how long everything may take to be answered at the end, in seconds")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--keep", action="store_true", help="keep the database and the log")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    webchat = "channels.webchat.settings"
    house = House(
        "server.rate_limit.requests=0", f"{webchat}.messages_per_minute=100000", f"{webchat}.history=500", "log.level=warning",
        "butler.autonomy.open_tasks=1000000")
    status = 1
    try:
        guests, starts, stopped = asyncio.run(drive(house, options, random.Random(seed)))
        left = house.stop()
        found, store = count(house, guests)
        acknowledged = sum(len(guest.acknowledged) for guest in guests)
        written = sum(len(guest.texts) for guest in guests)
        resent = sum(sum(guest.sent.values()) for guest in guests) - written
        problems = [problem for guest in guests for problem in guest.problems]
        rows = [
            ("times killed", options.kills, None), ("guests", len(guests), None), ("connections", sum(guest.sessions for guest in guests), None),
            ("messages written", written, None), ("sent again", resent, None), ("acknowledged", acknowledged, None),
            ("not acknowledged in the end", written - acknowledged, 0), ("lost", len(found["lost"]), 0), ("answered twice", len(found["twice"]), 0),
            ("unanswered after recovery", len(found["unanswered"]), 0), ("handed to staff for no reason", len(found["handed"]), 0),
            ("wrong number of tasks", len(found["tasks"]), 0), ("sessions forgotten", len(problems), 0), ("dead letters", store["dead"] + store["left"].get("dead", 0), 0),
            ("instances that do not run", len(stopped), 0), ("damage in the database", 0 if store["check"] == [("ok",)] else 1, 0),
            ("exit status at the end", left, 0),
        ]
        bad = report(seed, rows, starts)
        if not acknowledged:
            bad.append("nothing was acknowledged")
        for kind, names in found.items():
            for name in names[:5]:
                print(f"{kind}: {name}")
        for line in (store["odd"][:10] if bad else []):
            print(f"ledger: {line}")
        if refused := sum((guest.refused for guest in guests), collections.Counter()):
            print(f"refused meanwhile: {dict(refused)}")
        if bad:
            print(f"FAILED crash test with seed {seed}: {', '.join(bad)}\n{house.tail()}")
        status = 1 if bad else 0
    except AssertionError as error:
        print(f"FAILED crash test with seed {seed}: {error}")
    finally:
        if options.keep:
            print(f"kept in {house.folder}")
            house.process.poll() is None and house.kill()
        else:
            house.close()
    print("1 passed, 0 failed" if status == 0 else "0 passed, 1 failed")
    sys.exit(status)


if __name__ == "__main__":
    main()
