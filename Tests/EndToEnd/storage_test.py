"""A full disk, a read-only one, a locked file, files edited while Jack runs: with the real program."""
import asyncio
import contextlib
import json
import os
import pathlib
import sqlite3
import subprocess
import sys

import websockets

from lib_jack import House, contains, equal, eventually, main


class Guest:
    def __init__(self, house):
        self.house, self.token = house, None

    async def __aenter__(self):
        self.socket = await websockets.connect(self.house.socket_url, max_size=2**24)
        await self.socket.send(json.dumps({"type": "hello", "token": self.token, "locale": "en"}))
        self.session = await self.next("session", "error")
        self.token = self.session.get("token", self.token)
        return self

    async def __aexit__(self, *_):
        await self.socket.close()

    async def next(self, *types, timeout=60):
        while True:
            frame = json.loads(await asyncio.wait_for(self.socket.recv(), timeout))
            if frame["type"] in types:
                return frame

    async def say(self, name, text):
        await self.socket.send(json.dumps({"type": "message", "id": name, "text": text}))
        return await self.next("ack", "error")

    async def ask(self, name, text):
        equal((await self.say(name, text))["type"], "ack")
        while True:
            answer = await self.next("message")
            if answer["in_reply_to"] == name:
                return answer["text"]


@contextlib.contextmanager
def small_disk(folder, size="6m"):
    """A disk of its own, which only root can make; None elsewhere."""
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    try:
        yield folder if made.returncode == 0 else None
    finally:
        if made.returncode == 0:
            subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_refuses_loses_nothing_and_recovers():
    with House("server.rate_limit.requests=0", "channels.webchat.settings.messages_per_minute=100000", "log.level=error") as house, small_disk(house.database.parent) as disk:
        if not disk:
            print("# no disk of its own can be made here: left out")
            return
        house.start()
        async with Guest(house) as guest:
            await guest.ask("first", "When is breakfast?")
            ballast = house.database.parent / "ballast"
            with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 4096)
            acknowledged, refused = ["first"], None
            for number in range(3000):
                answer = await guest.say(f"m{number}", "Hello " + "x" * 2000)
                if answer["type"] == "error":
                    refused = (f"m{number}", answer)
                    break
                acknowledged.append(f"m{number}")
            assert refused, "a full disk refused nothing"
            equal((refused[1]["code"], refused[1]["id"]), ("unavailable", refused[0]))
            ready = house.get("/readyz")
            equal(ready.status, 503, ready)
            contains(ready.json["not_ready"], "database")
            # What can be read is still served.
            equal(house.get("/healthz").status, 200)
            equal(house.get("/").status, 200)
            equal(house.api("GET", "/api/v1/conversations").status, 200)
            equal(house.api("POST", "/api/v1/tasks", {"department": "x", "summary": "y"}).status, 503)
            ballast.unlink()
            eventually(lambda: house.get("/readyz").status == 200, timeout=30, why="it is not ready again")
            equal((await guest.say(refused[0], "What time is check-out?"))["type"], "ack")
            acknowledged.append(refused[0])

        def all_dealt_with():
            with sqlite3.connect(f"file:{house.database}?mode=ro", uri=True) as store:
                waiting = store.execute("SELECT state, COUNT(*) FROM inbox WHERE state <> 'done' GROUP BY state").fetchall()
                equal(waiting, [])
                equal(store.execute("SELECT COUNT(*) FROM outbox WHERE state = 'queued'").fetchone()[0], 0)
            return True

        eventually(all_dealt_with, timeout=120)
        async with Guest(house) as again:
            pass
        with sqlite3.connect(f"file:{house.database}?mode=ro", uri=True) as store:
            stored = {row[0].split(":", 1)[1] for row in store.execute("SELECT vendor_id FROM message WHERE author = 'guest'")}
        equal(stored, set(acknowledged))
        equal(house.stop(), 0)


def test_a_disk_that_is_full_at_the_start_is_said():
    with House() as house, small_disk(house.database.parent, "64k") as disk:
        if not disk:
            return
        (house.database.parent / "ballast").write_bytes(b"x" * 60_000)
        result = house.run("serve", *house.options(), timeout=60)
        equal(result.status, 2, result)
        assert "full" in result.error or "No space" in result.error or "room" in result.error, result


def test_a_read_only_disk_is_said():
    with House(environment={"JWT_SECRET": "of-the-environment", "ENCRYPTION_KEY": "of-the-environment-too"}) as house, small_disk(house.database.parent) as disk:
        if not disk:
            return
        equal(house.run("db", "migrate", "--config", house.config).status, 0)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        result = house.run("serve", *house.options(), timeout=60)
        equal(result.status, 2, result)
        assert "read-only" in result.error.lower() or "cannot be written" in result.error, result
        contains(result.error, str(house.database))
        equal(house.run("db", "check", "--config", house.config).status, 0)


def test_a_file_that_another_program_locks_is_said():
    with House() as house:
        equal(house.run("db", "migrate", "--config", house.config).status, 0)
        holder = subprocess.Popen(
            [sys.executable, "-c", "import sqlite3, sys, time\nstore = sqlite3.connect(sys.argv[1], isolation_level=None)\nstore.execute('PRAGMA locking_mode = EXCLUSIVE')\n"
             "store.execute('BEGIN EXCLUSIVE')\nprint('locked', flush=True)\ntime.sleep(120)", str(house.database)], stdout=subprocess.PIPE, text=True)
        try:
            equal(holder.stdout.readline().strip(), "locked")
            result = house.run("serve", *house.options(), timeout=90)
            equal(result.status, 2, result)
            contains(result.error, "lock")
            contains(result.error, str(house.database))
        finally:
            holder.kill()
            holder.wait()
        house.start()


async def test_without_persistence_nothing_is_written():
    with House(environment={"PERSIST": "false"}) as house:
        house.start()
        async with Guest(house) as guest:
            contains(await guest.ask("q", "When is breakfast?"), "07:00")
        equal(house.stop(), 0)
        assert not house.database.exists() and not (house.database.parent / "secrets.env").exists()


async def test_knowledge_and_reservations_are_read_again_when_they_change():
    with House() as house:
        house.edit("jack.yaml", "    folder: hotel/knowledge\n", "    folder: hotel/knowledge\n    refresh: 1s\n")
        house.start()
        async with Guest(house) as guest:
            contains(await guest.ask("b1", "When is breakfast?"), "07:00 to 10:30")
            house.edit("hotel/knowledge/dining.yaml", "from 07:00 to 10:30 on weekdays", "from 06:15 to 10:45 on weekdays")
            found = lambda: any("06:15" in hit["text"] for hit in house.api("GET", "/api/v1/knowledge/search?q=breakfast+hours").json["items"])
            eventually(found, timeout=30, why="the new text is not found")
            contains(await guest.ask("b2", "When is breakfast?"), "06:15 to 10:45")
            # A mistake leaves what was known, and is logged with its line.
            house.edit("hotel/knowledge/dining.yaml", "category: dining", "category: [dining")
            eventually(lambda: "dining.yaml:" in house.log.read_text(), timeout=30, why="the mistake is not logged")
            contains(await guest.ask("b3", "When is breakfast?"), "06:15 to 10:45")

        reservations = house.folder / "config/hotel/reservations.csv"
        lines = reservations.read_text()
        reservations.write_text(lines.rstrip("\n") + "\nHM9,Broken,Line,,,xx,,,,not-a-date,2027-01-01,confirmed,1,0,false,\n")
        count = lines.rstrip("\n").count("\n") + 2

        def degraded():
            plugin = house.api("GET", "/api/v1/plugins/frontdesk").json
            equal(plugin["state"], "degraded")
            contains(plugin["last_error"], f"reservations.csv:{count}:")
            return True

        eventually(degraded, timeout=30)
        equal(house.get("/readyz").status, 200, "a bad line takes nothing away")
        equal(house.api("GET", "/api/v1/reservations?confirmation=HM20401").json["items"][0]["room"], "204")
        reservations.write_text(lines)
        eventually(lambda: house.api("GET", "/api/v1/plugins/frontdesk").json["state"] == "running", timeout=30)


if __name__ == "__main__":
    main()
