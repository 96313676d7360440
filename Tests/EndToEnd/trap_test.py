"""A plugin whose code ends the process: the next start names it and holds it back until it is released. Runs `jack-trap-fixture`, a Jack with such a plugin."""
import os
import pathlib

import lib_jack
from lib_jack import ROOT, House, contains, equal, main


def fixture():
    beside = pathlib.Path(lib_jack.program()).with_name("jack-trap-fixture")
    for path in (beside, ROOT / ".build/debug/jack-trap-fixture"):
        if os.access(path, os.X_OK):
            return str(path)
    raise AssertionError("there is no jack-trap-fixture: build the tests")


def trapped(settings):
    os.environ["JACK"] = fixture()
    house = House()
    house.edit("jack.yaml", "  log: {}\n", f"  log: {{}}\n  bell: {{plugin: trapping, settings: {settings}}}\n")
    return house


def ends_by_a_trap(house):
    status = house.process.wait(60)
    assert status < 0, f"it ended with status {status}"


def held_and_released(house):
    house.start()
    plugin = house.api("GET", "/api/v1/plugins/bell").json
    equal(plugin["state"], "held", plugin)
    contains(plugin["last_error"], "ended the process")
    contains(plugin["last_error"], "jack plugins release bell")
    contains(house.log.read_text(), '"instance":"bell"')
    others = {item["instance"]: item["state"] for item in house.api("GET", "/api/v1/plugins").json["items"] if item["instance"] != "bell"}
    equal(set(others.values()), {"running"}, others)
    equal(house.stop(), 0)
    # A clean stop does not let it go.
    house.start()
    equal(house.api("GET", "/api/v1/plugins/bell").json["state"], "held")
    house.edit("jack.yaml", "plugin: trapping, settings: {at:", "plugin: trapping, settings: {at: never} } #")
    equal(house.run("reload", "--config", house.config).status, 0)
    equal(house.api("GET", "/api/v1/plugins/bell").json["state"], "held", "a reload does not let it go")
    released = house.run("plugins", "release", "bell", "--config", house.config)
    equal(released.output.strip(), "bell is running", released)
    equal(house.stop(), 0)
    house.start()
    equal(house.api("GET", "/api/v1/plugins/bell").json["state"], "running", "it is forgotten")
    equal(house.stop(), 0)


def test_a_trap_in_a_call():
    with trapped("{at: page}") as house:
        house.start()
        house.run("chat", "--config", house.config, "--message", "there is smoke in my room", "--timeout", "20")
        ends_by_a_trap(house)
        held_and_released(house)
        # The page that it was to deliver is not lost: the other sink has it, and this one has it now.
        contains(house.log.read_text(), "smoke")


def test_a_trap_in_start():
    with trapped("{at: start}") as house:
        house.launch()
        ends_by_a_trap(house)
        held_and_released(house)


def test_a_trap_in_the_check_of_a_webhook():
    with trapped("{at: check}") as house:
        house.start()
        equal(house.api("POST", "/webhooks/bell", b"no trap").status, 401)
        try:
            house.api("POST", "/webhooks/bell", b"boom")
        except OSError:
            pass  # The connection ends with the process.
        ends_by_a_trap(house)
        held_and_released(house)


def test_a_kill_is_no_trap():
    with trapped("{at: never}") as house:
        house.start()
        house.kill()
        house.start()
        equal(house.api("GET", "/api/v1/plugins/bell").json["state"], "running")
        equal(house.stop(), 0)


if __name__ == "__main__":
    main()
