"""The guest page in Debian's Chromium. Set JACK_SHOTS to a folder to keep screenshots."""
import json
import os
import re
import shutil

from playwright.sync_api import expect, sync_playwright

from lib_jack import House, contains, equal, eventually, main

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
house = browser = playwright = None
expect.set_options(timeout=30_000)


def setup():
    global house, browser, playwright
    if house is None:
        house = House("server.rate_limit.requests=0", "log.level=warning").start()
        house.run("chat", "--message", "Hello", "--timeout", "120", timeout=150)
        playwright = sync_playwright().start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    return house


class Page:
    """A guest's browser with nothing remembered; what it logs as an error fails the test."""

    def __init__(self, **options):
        setup()
        self.context = browser.new_context(**({"locale": "en-GB"} | options))
        self.page = self.context.new_page()
        self.errors = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.errors.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)

    def __enter__(self):
        self.page.goto(house.url + "/")
        expect(self.page.locator("#form")).to_be_visible()
        return self

    def __exit__(self, kind, *_):
        self.context.close()
        if kind is None:
            equal([error for error in self.errors if not self.is_of_a_lost_connection(error)], [], "the page's errors")

    @staticmethod
    def is_of_a_lost_connection(error):
        return "WebSocket connection to" in error or "ERR_CONNECTION_REFUSED" in error

    def say(self, text):
        self.page.fill("#text", text)
        self.page.click("#send")

    def answer(self, text):
        found = self.page.locator(".msg.jack .text", has_text=text)
        expect(found.first).to_be_visible()
        return found.first

    def shot(self, name):
        if folder := os.environ.get("JACK_SHOTS"):
            self.page.screenshot(path=os.path.join(folder, f"{name}.png"))


def test_breakfast_is_answered_with_its_source():
    with Page() as guest:
        expect(guest.page.locator("h1")).to_have_text("Hotel Miramar")
        guest.say("When is breakfast?")
        guest.answer("07:00 to 10:30")
        expect(guest.page.locator(".msg.jack .src")).to_have_text(re.compile("Breakfast hours"))
        expect(guest.page.locator(".msg.guest .meta")).to_contain_text("Sent")
        guest.shot("breakfast")


def test_towels_become_a_task_and_smoke_is_answered_at_once():
    with Page() as guest:
        guest.say("please bring two towels to 204")
        guest.answer(re.compile("housekeeping", re.I))
        eventually(lambda: [task for task in house.api("GET", "/api/v1/tasks?department=housekeeping").json["items"] if task["room"] == "204"])
        guest.say("there is smoke in my room")
        guest.answer(re.compile("leave", re.I))
        guest.shot("smoke")


def test_html_of_a_guest_is_text():
    with Page() as guest:
        text = "<b>bold</b><script>alert(1)</script><img src=x onerror=alert(2)>"
        guest.say(text)
        expect(guest.page.locator(".msg.guest .text").first).to_have_text(text)
        guest.page.wait_for_timeout(300)
        equal(guest.page.locator("#log b, #log script, #log img").count(), 0)
        guest.page.reload()
        expect(guest.page.locator(".msg.guest .text").first).to_have_text(text)
        equal(guest.page.locator("#log b, #log script, #log img").count(), 0)


def test_html_of_staff_is_text_too():
    with Page() as guest:
        guest.say("Hello")
        guest.answer("Hotel Miramar")
        identity = house.api("GET", "/api/v1/conversations?limit=1").json["items"][0]["id"]
        equal(house.api("POST", f"/api/v1/conversations/{identity}/messages", {"text": "<i>Good evening</i>"}).status, 201)
        expect(guest.page.locator(".msg.staff .text")).to_have_text("<i>Good evening</i>")
        expect(guest.page.locator(".msg.staff .who")).to_have_text("Hotel team")


def test_the_page_comes_back_after_a_restart_with_its_history_and_what_was_written_meanwhile():
    with Page() as guest:
        guest.say("What time is check-out?")
        expect(guest.page.locator(".msg.jack")).to_have_count(1)
        house.kill()
        expect(guest.page.locator("#status")).not_to_have_text("Jack is at your service")
        guest.say("When is breakfast?")
        expect(guest.page.locator(".msg.guest")).to_have_count(2)
        guest.shot("away")
        house.start()
        guest.page.evaluate("document.getElementById('again').hidden || document.getElementById('again').click()")
        expect(guest.page.locator("#status")).to_have_text("Jack is at your service", timeout=60_000)
        expect(guest.page.locator(".msg.jack .text", has_text="07:00")).to_be_visible(timeout=90_000)
        expect(guest.page.locator(".msg.guest")).to_have_count(2)
        expect(guest.page.locator(".msg.jack")).to_have_count(2)
        guest.page.reload()
        expect(guest.page.locator(".msg.guest")).to_have_count(2)
        expect(guest.page.locator(".msg.jack")).to_have_count(2)
        guest.shot("back")


def test_it_works_with_the_keyboard_alone():
    with Page() as guest:
        for _ in range(8):
            if guest.page.evaluate("document.activeElement.id") == "text":
                break
            guest.page.keyboard.press("Tab")
        equal(guest.page.evaluate("document.activeElement.id"), "text")
        guest.page.keyboard.type("Hello")
        guest.page.keyboard.press("Shift+Enter")
        guest.page.keyboard.type("Jack")
        equal(guest.page.input_value("#text"), "Hello\nJack")
        guest.page.keyboard.press("Enter")
        expect(guest.page.locator(".msg.guest .text")).to_have_text("Hello\nJack")
        equal(guest.page.input_value("#text"), "")
        equal(guest.page.evaluate("document.activeElement.id"), "text", "the focus stays")
        guest.page.keyboard.press("Tab")
        equal(guest.page.evaluate("document.activeElement.id"), "send")


def test_screen_readers_are_told():
    with Page() as guest:
        expect(guest.page.get_by_role("textbox", name="Your message")).to_be_visible()
        expect(guest.page.get_by_role("button", name="Send")).to_be_visible()
        expect(guest.page.get_by_role("log")).to_be_attached()
        expect(guest.page.locator("#log")).to_have_attribute("aria-live", "polite")
        equal(guest.page.get_attribute("html", "lang"), "en")


def test_it_fits_a_phone():
    with Page(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True, device_scale_factor=2) as guest:
        guest.say("When is breakfast? " + "averyveryverylongwordthatneverends" * 6)
        expect(guest.page.locator(".msg.guest")).to_have_count(1)
        guest.say("When is breakfast?")
        guest.answer("07:00")
        overflow = guest.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        equal(overflow, 0, "it scrolls sideways")
        box = guest.page.locator("#send").bounding_box()
        assert box["width"] >= 40 and box["height"] >= 40, f"the button is too small for a thumb: {box}"
        assert box["y"] + box["height"] <= 640, "the button is outside the window"
        guest.shot("phone")


def test_it_speaks_the_guests_language():
    with Page(locale="de-DE") as guest:
        expect(guest.page.locator("#status")).to_have_text("Jack ist für Sie da")
        guest.say("Wann gibt es Frühstück?")
        guest.answer(re.compile(r"7[:.]00|07"))
        equal(guest.page.get_attribute("html", "lang"), "de")


def test_too_long_a_text_is_not_sent():
    with Page() as guest:
        guest.page.fill("#text", "x" * 4001)
        expect(guest.page.locator("#count")).to_contain_text("too many")
        guest.page.keyboard.press("Enter")
        equal(guest.page.locator(".msg.guest").count(), 0)


def play(guest, answer):
    """Has the page talk to a server that the test plays: `answer` gets the socket, the frame and the number of the connection."""
    count = 0

    def serve(socket):
        nonlocal count
        count += 1
        number = count
        socket.on_message(lambda text: answer(lambda **frame: socket.send(json.dumps(frame)), socket, json.loads(text), number))

    guest.page.route_web_socket(re.compile(r"/ws/chat$"), serve)
    guest.page.reload()


def test_it_says_the_limits_that_the_server_has():
    def answer(send, _, frame, __):
        if frame["type"] == "hello":
            send(type="session", token="t", restored=False, history=[])
        elif frame["type"] == "message" and frame["text"] == "long":
            send(type="error", code="too_long", message="no", id=frame["id"], limit=120)
        elif frame["type"] == "message":
            send(type="error", code="rate_limited", message="no", id=frame["id"], limit=3, retry_after=60)

    with Page() as guest:
        play(guest, answer)
        guest.say("long")
        expect(guest.page.locator(".msg.guest .note").first).to_contain_text("at most 120 characters")
        guest.say("quick")
        expect(guest.page.locator(".msg.guest .note").last).to_contain_text("3 messages a minute")


def test_a_disk_that_refuses_is_told_in_the_guests_language_and_asked_again():
    def answer(send, socket, frame, number):
        if frame["type"] == "hello" and number == 1:
            send(type="error", code="unavailable", message="the conversation cannot be read right now")
            socket.close(code=1013, reason="unavailable")
        elif frame["type"] == "hello":
            send(type="session", token="t", restored=False, history=[])
        elif frame["type"] == "message":
            send(type="error", code="unavailable", message="the message could not be stored", id=frame["id"])

    with Page(locale="de-DE") as guest:
        play(guest, answer)
        # A refusal by policy would wait for a minute.
        expect(guest.page.locator("#status")).to_have_text("Jack ist für Sie da", timeout=20_000)
        guest.say("Hallo")
        expect(guest.page.locator(".msg.guest .note")).to_contain_text("Diese wird noch gesendet")


def test_the_page_asks_nobody_else():
    with Page() as guest:
        seen = []
        guest.page.on("request", lambda request: seen.append(request.url))
        guest.page.reload()
        expect(guest.page.locator("#form")).to_be_visible()
        assert seen and all(url.startswith(house.url) for url in seen), seen
        policy = house.get("/").headers.get("Content-Security-Policy") or ""
        contains(policy, "default-src")
        assert "unsafe-inline" not in policy, policy


if __name__ == "__main__":
    try:
        main()
    finally:
        if browser:
            browser.close()
            playwright.stop()
        if house:
            house.close()
