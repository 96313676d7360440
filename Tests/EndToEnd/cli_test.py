"""The command line, run as a program."""
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading

import yaml

from lib_jack import ROOT, House, clean_environment, contains, equal, eventually, main, run

SECRET = "this-one-is-long-and-must-not-be-printed-4711"
house = None


def running():
    """One Jack for all tests that need one to talk to."""
    global house
    if house is None:
        house = House().start()
        # The debug build learns slowly: later tests need not wait for it.
        house.run("chat", "--message", "Hello", "--timeout", "120", timeout=150)
    return house


# ---- check ----


def expected():
    lines = (ROOT / "config/broken/expected.txt").read_text().splitlines()
    found = {}
    for line in lines:
        found.setdefault(line.split(":", 1)[0], []).append(line)
    return found


def test_check_names_every_mistake_of_the_broken_files():
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "config/broken").glob("*.yaml"))
    equal(sorted(expected()), files, "the files in config/broken and in expected.txt")
    for file in files:
        result = run("check", file)
        equal(result.status, 1, f"{file}: {result}")
        errors = [line for line in result.output.splitlines() if ": error: " in line]
        equal(errors, expected()[file], file)


def test_check_takes_many_files_at_once():
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "config/broken").glob("*.yaml"))
    result = run("check", *files, timeout=120)
    equal(result.status, 1, result)
    equal([line for line in result.output.splitlines() if ": error: " in line], [line for file in files for line in expected()[file]])
    mixed = run("check", "config/jack.yaml", files[0], "--json")
    equal(mixed.status, 1, mixed)
    report = json.loads(mixed.output)
    equal(report["sound"], False)
    equal({entry["file"] for entry in report["diagnostics"] if entry["severity"] == "error"}, {files[0]})


def test_check_of_the_sample_hotel_is_sound():
    result = run("check")
    equal(result.status, 0, result)
    contains(result.output, "config/jack.yaml: sound: ")
    # It starts without any account, and so emergencies reach nobody: that is said.
    equal(result.output.count("\n"), 2, result)
    contains(result.output, "warning: there is no on-call plan, and emergencies end in log, which reaches nobody")
    contains(result.output, "1 warnings")
    equal(run("check", "config/jack.yaml", "--probe").status, 0)


def test_the_documented_install_copies_all_that_the_sample_names():
    line = next(line for line in (ROOT / "docs/operating.md").read_text().splitlines() if line.startswith("cp -r config/"))
    sources = [ROOT / word for word in line.split(" && ")[0].split()[2:-1]]
    assert len(sources) > 1, line
    with tempfile.TemporaryDirectory() as folder:
        for source in sources:
            if source.is_dir():
                shutil.copytree(source, pathlib.Path(folder, source.name))
            else:
                shutil.copy(source, folder)
        result = run("check", "--config", pathlib.Path(folder, "jack.yaml"))
        equal(result.status, 0, result)


def test_check_prints_json():
    result = run("check", "--json", "config/broken/unknown-key.yaml")
    equal(result.status, 1, result)
    report = json.loads(result.output)
    equal(report["sound"], False)
    first = report["diagnostics"][0]
    equal((first["line"], first["column"]), (6, 3), first)
    equal((first["file"], first["severity"], first["remedy"]), ("config/broken/unknown-key.yaml", "error", "did you mean “port”?"), first)
    contains(first["message"], "unknown key")
    good = run("check", "--json")
    equal((good.status, json.loads(good.output)["sound"]), (0, True))


def test_check_without_a_file_says_how_to_make_one():
    result = run("check", "no-such.yaml")
    equal(result.status, 1, result)
    contains(result.output, "no-such.yaml:1:1: error: ")
    contains(result.output, "jack config sample")


def test_check_that_cannot_run_ends_with_2():
    with tempfile.TemporaryDirectory() as folder:
        result = run("check", "--env-file", f"{folder}/none")
        equal(result.status, 2, result)
        contains(result.error, "cannot be read")


def test_check_finds_a_mistake_in_a_catalog():
    with House() as one:
        one.edit("hotel/intents.yaml", "priority:", "prioritty:")
        result = one.run("check", "--config", one.config)
        equal(result.status, 1, result)
        contains(result.output, "hotel/intents.yaml:")
        contains(result.output, "priority")


def test_set_and_environment_lie_over_the_file():
    shown = yaml.safe_load(run("config", "show", "--set", "server.port=4321", environment=clean_environment(PORT="1234")).output)
    equal(shown["server"]["port"], 4321)
    equal(yaml.safe_load(run("config", "show", environment=clean_environment(PORT="1234")).output)["server"]["port"], 1234)
    wrong = run("check", environment=clean_environment(PORT="eighty"))
    equal(wrong.status, 1, wrong)
    contains(wrong.output, "PORT")
    contains(run("check", "--set", "server.prot=1").output, "did you mean “port”?")


def test_production_refuses_missing_short_and_default_secrets():
    with House() as one:
        sound = {"LOCAL_TOKEN": "a8f5f167f44f4964e6c998dee827110c5d2a", "JWT_SECRET": "9b74c9897bac770ffc029102a200c5de61f0", "ENCRYPTION_KEY": "e4d909c290d0fb1ca068ffaddf22cbd0aa17"}
        cases = [
            ({"LOCAL_TOKEN": ""}, "local_token must be set in production"),
            ({"JWT_SECRET": "short"}, "jwt_secret has 5 characters"),
            ({"ENCRYPTION_KEY": "changeme-changeme-changeme-changeme-1"}, "well-known example"),
            ({"JWT_SECRET": sound["LOCAL_TOKEN"]}, "is the same as"),
        ]
        for change, words in cases:
            environment = {"JACK_ENV": "production", **sound, **change}
            for command in ("check", "serve"):
                result = one.run(command, "--config", one.config, environment=environment, timeout=30)
                equal(result.status, 1, f"{command} with {change}: {result}")
                contains(result.output + result.error, words)
                for secret in [value for name, value in environment.items() if name != "JACK_ENV" and len(value) > 6]:
                    assert secret not in result.output + result.error, f"{command} prints a secret"
            assert not one.database.exists(), "nothing is made before the secrets are sound"
        silent = one.run("check", "--config", one.config, environment={"JACK_ENV": "production", **sound})
        equal(silent.status, 1, silent)
        contains(silent.output, "error: there is no on-call plan, and emergencies end in log, which reaches nobody")
        one.edit("jack.yaml", "alerts:\n  log: {}\n", (
            "alerts:\n  log: {}\n"
            "  desk: {plugin: webhook, settings: {url: \"https://desk.example/jack\", secret: 0123456789abcdef0123, reaches_human: true}}\n"
            "  pagerduty: {settings: {routing_key: 0123456789abcdef0123456789abcdef}}\n"))
        good = one.run("check", "--config", one.config, environment={"JACK_ENV": "production", **sound})
        equal(good.status, 0, good)


# ---- config ----


def test_schema_is_valid_and_takes_the_sample_hotel():
    with tempfile.TemporaryDirectory() as folder:
        schema = pathlib.Path(folder, "schema.json")
        printed = run("config", "schema")
        equal(printed.status, 0, printed)
        schema.write_text(printed.output)
        tool = [sys.executable, "-m", "check_jsonschema"]

        def validates(*files, meta=False):
            options = ["--check-metaschema"] if meta else ["--schemafile", str(schema)]
            return subprocess.run([*tool, *options, *map(str, files)], capture_output=True, text=True)

        found = validates(schema, meta=True)
        equal(found.returncode, 0, found.stdout)
        found = validates(ROOT / "config/jack.yaml")
        equal(found.returncode, 0, found.stdout)
        for name in ("unknown-key", "wrong-type", "out-of-range"):
            found = validates(ROOT / f"config/broken/{name}.yaml")
            assert found.returncode != 0, f"the schema takes {name}.yaml"
        sample = pathlib.Path(folder, "sample.yaml")
        sample.write_text(run("config", "sample", "--advanced").output)
        found = validates(sample)
        equal(found.returncode, 0, found.stdout)


def test_every_yaml_of_the_sample_hotel_has_a_schema_that_takes_it():
    named = {"knowledge": sorted((ROOT / "config/hotel/knowledge").glob("*.yaml")), "configuration": [ROOT / "config/jack.yaml"]}
    named |= {"oncall": [ROOT / "config/oncall.yaml"], "alert-rules": [ROOT / "config/alert-rules.yaml"], "oncall-test": sorted((ROOT / "config/oncall-tests").glob("*.yaml"))}
    for path in (ROOT / "config/hotel").glob("*.yaml"):
        named[path.stem] = [path]
    # What Prometheus and other programs read is theirs to describe; what is in broken/ is not to be taken.
    ours = {path for path in (ROOT / "config").rglob("*.yaml") if "broken" not in path.parts and "deploy" not in path.parts}
    equal(ours, {path for paths in named.values() for path in paths})
    assert len(ours) > 10
    with tempfile.TemporaryDirectory() as folder:
        for name, paths in named.items():
            printed = run("config", "schema", *(() if name == "configuration" else ("--document", name)))
            equal(printed.status, 0, printed)
            schema = pathlib.Path(folder, f"{name}.json")
            schema.write_text(printed.output)

            def tool(*arguments):
                return subprocess.run([sys.executable, "-m", "check_jsonschema", *map(str, arguments)], capture_output=True, text=True)

            found = tool("--check-metaschema", schema)
            equal(found.returncode, 0, found.stdout)
            found = tool("--schemafile", schema, *paths)
            equal(found.returncode, 0, found.stdout)
            bad = pathlib.Path(folder, f"{name}-bad.yaml")
            bad.write_text(paths[0].read_text() + "\nno_such_key: 1\n")
            assert tool("--schemafile", schema, bad).returncode != 0, f"the schema of {name} takes an unknown key"
            # Every setting is described.
            undescribed = [key for key, value in properties(json.loads(printed.output)) if "description" not in value]
            equal(undescribed, [], name)
    equal(run("config", "schema", "--document", "inTents").status, 1)


def properties(schema):
    """Every declared property of a schema, at any depth."""
    if isinstance(schema, list):
        for item in schema:
            yield from properties(item)
    elif isinstance(schema, dict):
        for name, value in schema.items():
            if name == "properties" and schema.get("additionalProperties") is False:
                yield from value.items()
            yield from properties(value)


def test_sample_loads():
    with House() as one:
        for options in ([], ["--advanced"]):
            printed = one.run("config", "sample", *options)
            equal(printed.status, 0, printed)
            sample = one.config.with_name("sample.yaml")
            sample.write_text(printed.output)
            result = one.run("check", sample)
            equal(result.status, 0, result)


def test_show_hides_secrets():
    environment = clean_environment(LOCAL_TOKEN=SECRET, ENCRYPTION_KEY=SECRET + "2", JWT_SECRET=SECRET + "3")
    for options in ([], ["--json"]):
        result = run("config", "show", *options, environment=environment)
        equal(result.status, 0, result)
        assert SECRET not in result.output + result.error, "a secret is printed"
        contains(result.output, "local_token")
    equal(json.loads(run("config", "show", "--json", environment=environment).output)["property"]["name"], "Hotel Miramar")


# ---- plugins, version, help ----


def test_plugins_are_listed_and_described():
    listed = json.loads(run("plugins", "list", "--json").output)
    expected = {
        "channel": ["webchat", "whatsapp", "email", "twilio-sms"], "ai": ["embedded", "openai", "anthropic", "ollama"], "pms": ["builtin"], "alert": ["log", "webhook", "pagerduty", "slack", "phone", "channel"]}
    # All of these; a fork has more.
    equal({(name, kind) for kind, names in expected.items() for name in names} - {(item["id"], item["kind"]) for item in listed}, set())
    contains(run("plugins", "list").output, "SUMMARY")
    for item in listed:
        described = run("plugins", "describe", item["id"])
        equal(described.status, 0, described)
        contains(described.output, "Settings:")
        contains(described.output, "Sample:")
    contains(run("plugins", "describe", "webhook").output, "secret")
    contains(run("plugins", "describe", "phone").output, "Contact of a plan: type: phone with number")
    # The level, and what stands in the way of a higher one.
    listed_rules = {item["id"]: item for item in listed}["whatsapp"]["rules"]
    contains(listed_rules["idempotency"], "exempt: Meta")
    contains(run("plugins", "describe", "whatsapp").output, "idempotency does not apply: Meta")
    wrong = run("plugins", "describe", "webhok")
    equal(wrong.status, 1, wrong)
    contains(wrong.error, "did you mean “webhook”?")


def test_version():
    assert re.fullmatch(r"jack \d+\.\d+\.\d+\n", run("version").output)
    contains(run("version").output, run("--version").output.strip())


def test_help_of_every_command():
    top = run("--help")
    equal(top.status, 0)
    commands = re.findall(r"^  ([a-z]+)(?: \(default\))? ", top.output.split("SUBCOMMANDS:")[1], re.MULTILINE)
    assert {"serve", "check", "config", "plugins", "chat", "why", "tasks", "conversations", "db", "stop", "reload", "version"} <= set(commands), commands
    for command in commands:
        result = run(command, "--help")
        equal(result.status, 0, command)
        contains(result.output, "OVERVIEW: ")
        contains(result.output, "USAGE: ")


def test_a_misspelt_command_or_option_is_a_usage_error():
    for arguments in (["serv"], ["check", "--prob"], ["tasks", "--departmnt", "x"]):
        result = run(*arguments)
        equal(result.status, 64, f"{arguments}: {result}")
        contains(result.error, "Error: ")
        contains(result.error, "Usage")
    contains(run("check", "--prob").error, "--probe")


def test_completion_scripts_are_made():
    for shell in ("bash", "zsh", "fish"):
        result = run("--generate-completion-script", shell)
        equal(result.status, 0, result)
        contains(result.output, "conversations")
    script = run("--generate-completion-script", "bash").output
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    equal(checked.returncode, 0, checked.stderr)


# ---- the database ----


def test_db_status_migrate_and_check():
    with House() as one:
        missing = one.run("db", "status", "--config", one.config)
        equal(missing.status, 2, missing)
        made = one.run("db", "migrate", "--config", one.config)
        equal(made.status, 0, made)
        contains(made.output, "applied  butler-001-foundation")
        again = one.run("db", "migrate", "--config", one.config)
        contains(again.output, "up to date")
        contains(one.run("db", "status", "--config", one.config).output, "applied  ")
        sound = one.run("db", "check", "--config", one.config)
        equal((sound.status, sound.output.strip().endswith(": sound")), (0, True), sound)


def test_a_corrupt_database_is_refused_with_the_way_back():
    with House() as one:
        one.run("db", "migrate", "--config", one.config)
        damage(one.database)
        before = one.database.read_bytes()
        served = one.run("serve", *one.options(), timeout=60)
        equal(served.status, 2, served)
        contains(served.error, "restore")
        contains(served.error, str(one.database))
        checked = one.run("db", "check", "--config", one.config)
        equal(checked.status, 1, checked)
        equal(one.database.read_bytes(), before, "the file is touched")


def damage(path):
    """Overwrites pages in the middle."""
    with open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        assert size > 40_000, size
        file.seek(8192)
        file.write(os.urandom(size - 16384))


def test_a_newer_database_is_refused_and_not_touched():
    with House() as one:
        one.run("db", "migrate", "--config", one.config)
        with sqlite3.connect(one.database) as store:
            store.execute("INSERT INTO schema_step (name) VALUES ('kernel-999-from-the-future')")
            store.commit()
            store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.close()
        before = one.database.read_bytes()
        served = one.run("serve", *one.options(), timeout=60)
        equal(served.status, 2, served)
        contains(served.error, "newer")
        contains(one.run("db", "status", "--config", one.config).output, "unknown  kernel-999-from-the-future")
        equal(one.database.read_bytes(), before, "the file is touched")


def test_a_second_jack_on_the_same_database_is_refused():
    one = running()
    second = House()
    try:
        second.database = one.database
        result = second.run("serve", *second.options(), timeout=60)
        equal(result.status, 2, result)
        assert re.search(r"use|lock", result.error), result
        contains(result.error, str(one.database))
        equal(one.get("/healthz").status, 200, "the first one goes on")
    finally:
        second.close()


def test_a_port_that_is_taken_is_said():
    one = running()
    with House() as second:
        second.port = one.port
        result = second.run("serve", *second.options(), timeout=60)
        equal(result.status, 2, result)
        contains(result.error, str(one.port))


# ---- secrets of its own ----


def test_first_start_makes_secrets_that_only_its_user_reads():
    with House() as one:
        one.environment = {"LOCAL_TOKEN": ""}
        one.start()
        secrets = one.database.parent / "secrets.env"
        equal(oct(secrets.stat().st_mode & 0o777), "0o600")
        first = secrets.read_text()
        values = dict(line.split("=", 1) for line in first.splitlines() if "=" in line and not line.startswith("#"))
        equal(set(values), {"LOCAL_TOKEN", "JWT_SECRET", "ENCRYPTION_KEY"})
        assert all(len(value) >= 32 for value in values.values()) and len(set(values.values())) == 3
        listed = one.run("tasks", "--config", one.config)
        equal(listed.status, 0, listed)
        log = one.log.read_text()
        assert not any(value in log for value in values.values()), "a secret is logged"
        equal(one.stop(), 0)
        one.start()
        equal(secrets.read_text(), first, "they are made once")
        equal(one.stop(), 0)
        secrets.chmod(0o644)
        result = one.run("serve", *one.options(), timeout=30)
        equal(result.status, 2, result)
        contains(result.error, "chmod 600")


# ---- a running Jack ----


def test_chat_answers_with_its_source():
    one = running()
    result = one.run("chat", "--config", one.config, "--message", "When is breakfast?", "--timeout", "60")
    equal(result.status, 0, result)
    contains(result.output, "07:00")
    contains(result.output, "source: ")


def test_chat_reads_lines():
    one = running()
    result = one.run("chat", "--config", one.config, input="Hello\n\n")
    equal(result.status, 0, result)
    contains(result.output, "Hotel Miramar")


def test_chat_waits_for_the_answers_to_what_is_piped_in():
    one = running()
    result = one.run("chat", "--config", one.config, input="When is breakfast?\nWhen is check-out?\nHello")
    equal(result.status, 0, result)
    equal(len([line for line in result.output.splitlines() if line.startswith("jack: ")]) >= 3, True, result)
    contains(result.output, "07:00")


def test_a_conversation_is_deleted():
    one = running()
    one.run("chat", "--config", one.config, "--message", "When is breakfast?", "--timeout", "60")
    conversation = one.api("GET", "/api/v1/conversations?limit=1").json["items"][0]["id"]
    result = one.run("conversations", "delete", conversation, "--config", one.config)
    equal(result.status, 0, result)
    contains(result.output, f"the conversation {conversation} is deleted: 1 conversations, 2 messages")
    equal(one.api("GET", f"/api/v1/conversations/{conversation}").status, 404)
    equal(one.run("conversations", "delete", conversation, "--config", one.config).status, 1)
    equal(one.run("guests", "erase", "gst_none", "--config", one.config).status, 1)


def test_tasks_and_why():
    one = running()
    one.run("chat", "--config", one.config, "--message", "please bring two towels to 204", "--timeout", "60")
    tasks = json.loads(one.run("tasks", "--config", one.config, "--json").output)
    mine = [task for task in tasks if task["room"] == "204"]
    equal(len(mine), 1, tasks)
    equal((mine[0]["department"], mine[0]["status"]), ("housekeeping", "open"))
    contains(one.run("tasks", "--config", one.config, "--department", "housekeeping").output, "two towels")
    for action, status in (("claim", "claimed"), ("start", "in_progress"), ("complete", "done")):
        moved = one.run("tasks", "move", action, mine[0]["id"], "--config", one.config)
        equal(moved.output.strip(), f"{mine[0]['id']} is {status}", moved)
    illegal = one.run("tasks", "move", "claim", mine[0]["id"], "--config", one.config)
    equal(illegal.status, 1, illegal)
    messages = json.loads(one.run("conversations", "--config", one.config, "--json").output)
    identity = next(item["id"] for item in messages if "towels" in (item.get("preview") or "") or "housekeeping" in (item.get("preview") or "").lower())
    shown = one.run("conversations", "show", identity, "--config", one.config)
    message = re.search(r"\[(in_\w+|in[\w-]+), ", shown.output).group(1)
    why = one.run("why", message, "--config", one.config)
    equal(why.status, 0, why)
    contains(why.output, "intent")
    contains(why.output, "task")
    unknown = one.run("why", "msg_none", "--config", one.config)
    equal(unknown.status, 1, unknown)


def test_conversations_take_reply_release():
    one = running()
    one.run("chat", "--config", one.config, "--message", "Hello", "--timeout", "60")
    identity = json.loads(one.run("conversations", "--config", one.config, "--json").output)[0]["id"]
    equal(one.run("conversations", "take", identity, "--config", one.config).output.strip(), f"{identity} is taken")
    contains(one.run("conversations", "reply", identity, "Good evening", "--config", one.config).output, " is ")
    contains(one.run("conversations", "show", identity, "--config", one.config).output, "Good evening")
    equal(one.run("conversations", "release", identity, "--config", one.config).output.strip(), f"{identity} is active")


def test_letters_are_listed_done_again_and_dropped():
    one = running()
    equal(one.run("letters", "--config", one.config).output.strip(), "no dead letters")
    one.run("chat", "--config", one.config, "--message", "Hello", "--timeout", "60")
    with sqlite3.connect(one.database, timeout=10) as store:
        arrived = store.execute("SELECT id FROM inbox WHERE state = 'done' ORDER BY seq DESC LIMIT 1").fetchone()[0]
        store.execute("UPDATE inbox SET state = 'dead', error = 'a test' WHERE id = ?", (arrived,))
        store.execute(
            "INSERT INTO job (id, property, kind, payload, run_at, state, attempts, error, created_at) "
            "SELECT 'job_test', property, 'nobody', x'', 0, 'dead', 10, 'nobody does it', 0 FROM inbox WHERE id = ?", (arrived,))
        store.commit()
    store.close()
    listed = one.run("letters", "--config", one.config).output
    contains(listed, arrived)
    contains(listed, "nobody does it")
    letters = json.loads(one.run("letters", "list", "--box", "inbox", "--json", "--config", one.config).output)
    equal([(letter["id"], letter["kind"], letter["preview"]) for letter in letters], [(arrived, "message", "Hello")])
    equal(one.run("letters", "retry", arrived, "--config", one.config).output.strip(), f"{arrived} is done again")
    eventually(lambda: state_of(one, arrived) == "done")
    contains(one.run("why", arrived, "--config", one.config).output, "had it done again")
    unknown = one.run("letters", "retry", arrived, "--config", one.config)
    equal(unknown.status, 1, unknown)
    contains(unknown.error, "there is no dead letter")
    equal(one.run("letters", "drop", "--config", one.config).status, 64)
    equal(one.run("letters", "drop", "--all", "--box", "job", "--config", one.config).output.strip(), "job_test is dropped")
    equal(one.run("letters", "--config", one.config).output.strip(), "no dead letters")


def state_of(one, arrived):
    with sqlite3.connect(one.database, timeout=10) as store:
        return store.execute("SELECT state FROM inbox WHERE id = ?", (arrived,)).fetchone()[0]


def test_a_wrong_token_and_a_missing_jack_are_said():
    one = running()
    wrong = one.run("tasks", "--config", one.config, environment={"LOCAL_TOKEN": "another"})
    equal(wrong.status, 1, wrong)
    nobody = one.run("tasks", "--config", one.config, environment={"PORT": "1"})
    equal(nobody.status, 2, nobody)
    contains(nobody.error, "no Jack answers at")


def test_plugins_status_hold_and_release():
    one = running()
    contains(one.run("plugins", "status", "--config", one.config).output, "running")
    equal(one.run("plugins", "hold", "frontdesk", "--reason", "test", "--config", one.config).output.strip(), "frontdesk is held")
    contains(one.run("plugins", "status", "--config", one.config).output, "test")
    equal(one.run("plugins", "release", "frontdesk", "--config", one.config).output.strip(), "frontdesk is running")
    again = one.run("plugins", "release", "frontdesk", "--config", one.config)
    equal(again.status, 1, again)
    equal(one.run("plugins", "restart", "frontdesk", "--config", one.config).output.strip(), "frontdesk is running")
    equal(one.run("plugins", "restart", "nobody", "--config", one.config).status, 1)


def test_reload_and_dry_run():
    one = running()
    text = one.config.read_text()
    try:
        reload_steps(one, text)
    finally:
        one.config.write_text(text)


def reload_steps(one, text):
    equal(one.run("reload", "--config", one.config).output.strip(), "nothing changes")
    one.config.write_text(text.replace("  log: {}\n", "  log: {}\n  night:\n    plugin: log\n"))
    dry = one.run("reload", "--dry-run", "--config", one.config)
    equal(dry.status, 0, dry)
    contains(dry.output, "add alert night (log)")
    assert "night" not in one.run("plugins", "status", "--config", one.config).output
    applied = one.run("reload", "--config", one.config)
    equal(applied.status, 0, applied)
    contains(one.run("plugins", "status", "--config", one.config).output, "night")
    one.config.write_text(text + "\nnonsense: 1\n")
    broken = one.run("reload", "--config", one.config)
    assert broken.status != 0, broken
    contains(broken.error, "nonsense")
    contains(one.api("GET", "/api/v1/plugins").text, "night")
    refused = one.api("POST", "/api/v1/admin/reload", {}).json
    equal(refused["applied"], False, refused)
    contains(refused["diagnostics"][0], "jack.yaml:")
    contains(refused["diagnostics"][0], "nonsense")
    one.config.write_text(text)
    equal(one.run("reload", "--config", one.config).status, 0)
    assert "night" not in one.run("plugins", "status", "--config", one.config).output


def test_sighup_reloads():
    one = running()
    text = one.config.read_text()
    one.config.write_text(text.replace("  log: {}\n", "  log: {}\n  day:\n    plugin: log\n"))
    one.process.send_signal(signal.SIGHUP)
    eventually(lambda: "day" in one.run("plugins", "status", "--config", one.config).output)
    one.config.write_text(text)
    one.process.send_signal(signal.SIGHUP)
    eventually(lambda: "day" not in one.run("plugins", "status", "--config", one.config).output)


def test_stop():
    one = running()
    mark = pathlib.Path(str(one.database) + ".pid")
    equal(mark.read_text().strip(), str(one.process.pid))
    reaper = threading.Thread(target=one.process.wait)
    reaper.start()
    # Whoever has half edited the file must still be able to stop what runs.
    text = one.config.read_text()
    one.config.write_text(text + "\nnonsense: 1\n")
    result = one.run("stop", "--config", one.config)
    one.config.write_text(text)
    equal((result.status, result.output.strip()), (0, "stopped"), result)
    reaper.join(10)
    equal(one.process.returncode, 0, one.tail())
    assert not mark.exists(), "the mark is left"
    again = one.run("stop", "--config", one.config)
    equal(again.status, 2, again)


def test_a_number_that_a_killed_jack_left_is_not_signalled():
    with House() as one:
        one.start()
        one.kill()
        other = subprocess.Popen(["sleep", "60"])
        try:
            pathlib.Path(str(one.database) + ".pid").write_text(f"{other.pid}\n")
            result = one.run("stop", "--config", one.config)
            equal(result.status, 2, result)
            assert other.poll() is None, "another program was stopped"
        finally:
            other.kill()
            other.wait()


if __name__ == "__main__":
    try:
        main()
    finally:
        if house:
            house.close()
