"""People are paged by e-mail, SMS, a call, Slack and PagerDuty, and answer there: real Jack, a real dovecot and SMTP server, the other vendors played on loopback by their documents.

One Jack with one plan serves all tests. Each alert is for one person; whoever has not answered after WAIT seconds has the page passed on to Bea, so a page of hers that no test
asked for is an answer that Jack lost. The last test waits for that, and looks at what everybody was asked.
"""
import base64
import hashlib
import hmac
import json
import re
import socket
import threading
import time
import urllib.parse
import xml.etree.ElementTree as xml

import mail_test
from lib_jack import TOKEN, House, contains, equal, eventually, main, request
from lib_mail import DESK, PostOffice
from lib_oncall import Receiver
from vendors_test import Vendor

# Longer than any answer takes, also of a debug build.
WAIT = 25
FORM = "application/x-www-form-urlencoded"
MIA = "mia@staff.example"
SAM, PIA, HOTEL = "+351910000001", "+351910000002", "+15550100123"
ACCOUNT, AUTH = "AC" + "0123456789abcdef" * 2, "auth-token-of-the-played-twilio"
BOT, SIGNING = "xoxb-played-bot-token", "8f742231b10e8888abcd99yyyzzz85a5"
CHANNEL, CHANNEL_ID = "#night-shift", "C123ABC456"
KEY_OF_PAT, KEY_OF_BEA = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
HOOK, API = "webhook-secret-of-the-played-pagerduty", "rest-key-of-the-played-pagerduty"
INCIDENT = "PGR0VU2"
PEOPLE = ["mia", "sam", "pia", "sol", "pat", "hal"]


# Vendors, as their documents have them


def twilio(vendor, handler, body):
    """“Call resource” and “Message resource”: forms with basic authentication; what is made is answered with 201."""
    expected = base64.b64encode(f"{ACCOUNT}:{AUTH}".encode()).decode()
    assert handler.headers["Authorization"] == f"Basic {expected}", "no credentials"
    assert handler.command == "POST" and handler.headers["Content-Type"].startswith(FORM), "not a form"
    form = {name: values[0] for name, values in urllib.parse.parse_qs(body.decode("ascii"), strict_parsing=True).items()}
    assert re.fullmatch(r"\+[1-9]\d{6,14}", form["To"]), form["To"]
    assert form["From"] == HOTEL, form["From"]
    number = len(vendor.made) + 1
    if handler.path == f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json":
        assert 0 < len(form["Body"]) <= 1600, "the text's length"
        made = {"sid": f"SM{number:032x}", "account_sid": ACCOUNT, "status": "queued", "num_segments": "1", "error_code": None, "to": form["To"], "body": form["Body"]}
    else:
        assert handler.path == f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json", handler.path
        assert form["Method"] == "POST" and form["StatusCallbackMethod"] == "POST", form
        assert form["MachineDetection"] == "Enable" and 0 < int(form["Timeout"]) <= 600, form
        made = {"sid": f"CA{number:032x}", "account_sid": ACCOUNT, "status": "queued", "to": form["To"], "direction": "outbound-api"}
    vendor.made.append((made["sid"], form))
    vendor.reply(handler, 201, made)


def slack(vendor, handler, body):
    """“chat.postMessage” and “chat.update”, with the limits of “Block Kit”."""
    assert handler.headers["Authorization"] == f"Bearer {BOT}", "no token"
    assert handler.command == "POST" and handler.headers["Content-Type"] == "application/json; charset=utf-8", "not JSON of a charset that is named"
    value = json.loads(body)
    assert value["text"], "no text for notifications"
    assert 0 < len(value["blocks"]) <= 50 and len(json.dumps(value["blocks"])) < 13_000, "too many blocks, or too long"
    for block in value["blocks"]:
        assert block["type"] in ("header", "section", "context", "actions"), block
        if block["type"] == "header":
            assert block["text"]["type"] == "plain_text" and 0 < len(block["text"]["text"]) <= 150, block
        if block["type"] == "section":
            assert 0 < len(block["text"]["text"]) <= 3000, block
        if block["type"] == "actions":
            assert 0 < len(block["elements"]) <= 25, block
            for button in block["elements"]:
                assert button["type"] == "button" and len(button["action_id"]) <= 255 and len(button["value"]) <= 2000 and len(button["text"]["text"]) <= 75, button
    if handler.path == "/api/chat.postMessage":
        assert value["channel"] == CHANNEL, value["channel"]
        stamp = f"1503435956.{len(vendor.messages) + 1:06}"
    else:
        assert handler.path == "/api/chat.update", handler.path
        stamp = value["ts"]
        assert value["channel"] == CHANNEL_ID and stamp in vendor.messages, "no such message"
    vendor.messages[stamp] = value
    vendor.reply(handler, 200, {"ok": True, "channel": CHANNEL_ID, "ts": stamp, "text": value["text"], "message": {"type": "message", "text": value["text"]}})


def pagerduty(vendor, handler, body):
    """“Send an Alert Event”, and of the REST API “List alerts for an incident”, which holds the keys where a service creates alerts."""
    if handler.command == "GET":
        assert handler.headers["Authorization"] == f"Token token={API}", "no token"
        assert handler.headers["Accept"] == "application/vnd.pagerduty+json;version=2", "no version"
        assert urllib.parse.urlsplit(handler.path).path == f"/incidents/{INCIDENT}/alerts", handler.path
        alerts = [{"id": "PT4KHLK", "type": "alert", "alert_key": key, "status": "triggered"} for key in vendor.open]
        return vendor.reply(handler, 200, {"alerts": alerts, "limit": 100, "offset": 0, "more": False, "total": None})
    assert handler.path == "/v2/enqueue" and handler.headers["Content-Type"] == "application/json", handler.path
    event = json.loads(body)
    assert event["routing_key"] in (KEY_OF_PAT, KEY_OF_BEA), "Invalid routing key"
    assert event["event_action"] in ("trigger", "acknowledge", "resolve"), event["event_action"]
    assert 0 < len(event["dedup_key"]) <= 255, "dedup_key"
    if event["event_action"] == "trigger":
        payload = event["payload"]
        assert 0 < len(payload["summary"]) <= 1024 and payload["source"] and payload["severity"] in ("critical", "error", "warning", "info"), payload
    vendor.events.append(event)
    vendor.reply(handler, 202, {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]})


class Mute:
    """Accepts whoever comes, and never answers."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.taken = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.taken.append(connection)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def close(self):
        self.listener.close()
        for connection in self.taken:
            connection.close()


# The hotel


def plan(receiver, mute):
    contacts = {
        "mia": f"{{type: email, address: {MIA}}}",
        "sam": f'{{type: sms, number: "{SAM}"}}',
        "pia": f'{{type: phone, number: "{PIA}"}}',
        "sol": f'{{type: slack, channel: "{CHANNEL}"}}',
        "pat": f"{{type: pagerduty, service_key: {KEY_OF_PAT}}}",
        "hal": f'{{type: webhook, url: "{mute.url}/hal", through: mute}}, {{type: webhook, url: "{receiver.url}/hal", through: one}}',
        "wes": f'{{type: webhook, url: "{receiver.url}/wes", through: one}}',
        "bea": f'{{type: webhook, url: "{receiver.url}/bea", through: one}}, {{type: pagerduty, service_key: {KEY_OF_BEA}}}',
    }
    lines = ["people:"] + [f"  {name}: {{contacts: [{ways}]}}" for name, ways in contacts.items()]
    lines += ["policies:", "  fire: {levels: [{notify: [bea], wait: 1h}]}"]
    lines += [f"  {name}: {{levels: [{{notify: [{name}], wait: {WAIT}s}}, {{notify: [bea], wait: 1h}}]}}" for name in PEOPLE]
    lines += ["emergency: {policy: fire}", "route:", "  receiver: watch", "  group_by: [alertname]", "  group_wait: 0s", "  group_interval: 1s", "  routes:"]
    lines += [f"    - {{receiver: {name}, matchers: ['person=\"{name}\"']}}" for name in PEOPLE]
    lines += ["receivers:", "  - {name: watch, notify: [wes]}"] + [f"  - {{name: {name}, policy: {name}}}" for name in PEOPLE]
    return "\n".join(lines) + "\n"


class Hotel:
    """A Jack that reaches people in every way, and all who carry its pages."""

    def __init__(self):
        self.office, self.receiver, self.mute = PostOffice(), Receiver(), Mute()
        self.twilio, self.slack, self.pagerduty = Vendor(twilio), Vendor(slack), Vendor(pagerduty)
        self.twilio.made, self.slack.messages, self.pagerduty.events, self.pagerduty.open = [], {}, [], []
        self.raised = {}
        self.house = House()
        (self.house.folder / "config" / "plan.yaml").write_text(plan(self.receiver, self.mute))
        account = f"account_sid: {ACCOUNT}, auth_token: {AUTH}, from: \"{HOTEL}\", base_url: \"{self.twilio.url}\""
        hook = "secret: 0123456789abcdef0123, reaches_human: true"
        self.house.edit(
            "jack.yaml", "  webchat: {}\n",
            "  webchat: {}\n" + mail_test.settings(self.office) + f"  sms:\n    plugin: twilio-sms\n    settings: {{{account}}}\n")
        self.house.edit("jack.yaml", "alerts:\n  log: {}\n", "\n".join([
            "alerts:", "  log: {}",
            f"  one: {{plugin: webhook, settings: {{url: \"{self.receiver.url}/one\", timeout: 2s, {hook}}}}}",
            f"  mute: {{plugin: webhook, settings: {{url: \"{self.mute.url}/mute\", timeout: 2s, {hook}}}}}",
            "  letters: {plugin: channel, settings: {channel: email}}",
            "  texts: {plugin: channel, settings: {channel: sms}}",
            f"  phone: {{settings: {{{account}}}}}",
            f"  slack: {{settings: {{bot_token: {BOT}, signing_secret: {SIGNING}, base_url: \"{self.slack.url}\"}}}}",
            f"  pagerduty: {{settings: {{webhook_secret: {HOOK}, api_token: {API}, base_url: \"{self.pagerduty.url}\", api_url: \"{self.pagerduty.url}\"}}}}",
        ]) + "\n")
        self.house.edit("jack.yaml", "oncall:\n", "oncall:\n  file: plan.yaml\n")
        self.house.edit("jack.yaml", "  #public_url: https://jack.example.com", f"  public_url: {self.house.url}")
        mail_test.begin(self.office, self.house)
        for name in ("sms", "one", "mute", "letters", "texts", "phone", "slack", "pagerduty"):
            eventually(lambda: self.house.api("GET", f"/api/v1/plugins/{name}").json["state"] == "running", 30, why=f"{name} does not run: {self.house.tail()}")

    def close(self):
        self.house.close()
        for one in (self.twilio, self.slack, self.pagerduty, self.receiver, self.mute):
            one.close()
        self.office.__exit__()

    def raise_alert(self, name, person, **more):
        labels = {"alertname": name, "severity": "error", "person": person}
        answer = self.house.api("POST", "/api/v2/alerts", [{"labels": labels, "annotations": {"summary": f"{name}: it does not work"}} | more])
        equal(answer.status, 200, answer)
        self.raised.setdefault(name, time.time())

    def end(self, name, person):
        self.raise_alert(name, person, endsAt=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))

    def matter(self, name):
        found = [item for item in self.house.get("/api/v1/oncall/matters", token=TOKEN).json["items"] if name in item["names"]]
        return found[0] if found else None

    def is_acknowledged(self, name):
        return bool((self.matter(name) or {}).get("acknowledged_by"))

    def until_acknowledged(self, name):
        eventually(lambda: self.is_acknowledged(name), WAIT, why=f"the answer to {name} did not come through: {self.matter(name)}")
        equal(self.paged("/bea", name), [], f"Bea's pages of {name}")

    def paged(self, path, name):
        return [page for page in self.receiver.to(path) if any(alert["name"] == name for alert in page[2]["alerts"])]

    def answer_by_link(self, page, action="acknowledge"):
        token = urllib.parse.urlsplit(page[2]["url"]).query
        answer = request("POST", self.house.url + "/oncall/answer", body=f"{token}&action={action}".encode(), headers={"Content-Type": FORM})
        equal(answer.status, 200, answer)

    # What vendors post

    def twilio_posts(self, url, fields, token=AUTH):
        """“Webhooks security”: the URL, then names and values in the order of the names, by HMAC-SHA1."""
        fields = {"AccountSid": ACCOUNT, "ApiVersion": "2010-04-01"} | fields
        signed = url + "".join(name + fields[name] for name in sorted(fields))
        code = base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()
        return request("POST", url, body=urllib.parse.urlencode(fields).encode(), headers={"Content-Type": FORM, "X-Twilio-Signature": code})

    def slack_posts(self, action, stamp, secret=SIGNING, at=None):
        """“Verifying requests from Slack”, and the payload of “block_actions”."""
        message = self.slack.messages[stamp]
        (button,) = [one for block in message["blocks"] if block["type"] == "actions" for one in block["elements"] if one["action_id"] == action]
        payload = {
            "type": "block_actions", "user": {"id": "U061F7AUR", "username": "sol", "name": "sol", "team_id": "T0001"}, "api_app_id": "A02", "token": "gone",
            "container": {"type": "message", "message_ts": stamp, "channel_id": CHANNEL_ID, "is_ephemeral": False}, "trigger_id": "12321423423.333649436676.d8c1",
            "team": {"id": "T0001", "domain": "hotel"}, "channel": {"id": CHANNEL_ID, "name": "night-shift"}, "message": {"type": "message", "ts": stamp},
            "response_url": "https://hooks.slack.com/actions/T0001/1/x", "actions": [button | {"block_id": "jack-actions", "action_ts": f"{time.time():.6f}"}],
        }
        body, at = urllib.parse.urlencode({"payload": json.dumps(payload)}).encode(), str(int(at or time.time()))
        code = hmac.new(secret.encode(), b"v0:" + at.encode() + b":" + body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": FORM, "X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={code}"}
        return request("POST", self.house.url + "/webhooks/slack", body=body, headers=headers)

    def pagerduty_posts(self, kind, number, agent="user_reference", secret=HOOK):
        """“V3 webhooks”: the raw body signed by HMAC-SHA256. A service that creates alerts says its own key of the incident, and not Jack's."""
        body = json.dumps({"event": {
            "id": f"01BWF5HGE1IL2K08B1L9RAL7K{number}", "event_type": f"incident.{kind}", "resource_type": "incident",
            "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()), "client": None,
            "agent": {"html_url": "https://acme.pagerduty.com/users/PLH1HKV", "id": "PLH1HKV", "self": "https://api.pagerduty.com/users/PLH1HKV",
                      "summary": "Pat Tern", "type": agent},
            "data": {"id": INCIDENT, "type": "incident", "self": f"https://api.pagerduty.com/incidents/{INCIDENT}", "number": 2, "status": kind,
                     "incident_key": None, "title": "A title"},
        }}).encode()
        code = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return request("POST", self.house.url + "/webhooks/pagerduty", body=body, headers={"Content-Type": "application/json", "X-PagerDuty-Signature": f"v1={code}"})


hotel_of_all = None


def hotel():
    global hotel_of_all
    hotel_of_all = hotel_of_all or Hotel()
    return hotel_of_all


# Each way


def test_by_mail():
    here = hotel()
    here.raise_alert("MailDown", "mia")
    page = eventually(lambda: [mail for mail in here.office.mails("mia") if "MailDown" in mail.get_content()], WAIT, why=f"no mail came: {here.house.tail()}")[0]
    contains(page["From"], DESK)
    code = re.search(r"ACK\s+(\d+)", page.get_content())[1]
    subject = f"Re: {page['Subject']}"
    # Only the first line counts; what is quoted beneath it is the page itself.
    text = f"ACK {code}\r\n\r\nMia\r\n\r\nOn Tue, 24 Nov 2026 at 02:10, Hotel wrote:\r\n> MailDown: it does not work\r\n"
    here.office.post(MIA, mail_test.mail(MIA, 1, text, subject, f"In-Reply-To: {page['Message-ID']}", f"References: {page['Message-ID']}"))
    here.until_acknowledged("MailDown")
    contains(here.matter("MailDown")["acknowledged_by"].lower(), "mia")
    equal(here.house.api("GET", "/api/v1/conversations").json["items"], [], "an answer to a page is no guest's mail")


def test_by_sms():
    here = hotel()
    here.raise_alert("TextDown", "sam")

    def texts():
        return [form for _, form in here.twilio.made if form["To"] == SAM and "TextDown" in form.get("Body", "")]

    text = eventually(texts, WAIT, why=f"no text was sent: {here.house.tail()}")[0]
    code, url = re.search(r"ACK\s+(\d+)", text["Body"])[1], here.house.url + "/webhooks/sms"
    reply = {"MessageSid": "SM" + "a" * 32, "SmsSid": "SM" + "a" * 32, "From": SAM, "To": HOTEL, "Body": f"ack {code}", "NumMedia": "0", "NumSegments": "1"}
    equal(here.twilio_posts(url, reply, token="another-token").status, 401, "what somebody else signed")
    assert not here.is_acknowledged("TextDown"), "what somebody else signed was taken"
    # Twilio posts again where its answer was lost.
    for _ in range(2):
        answer = here.twilio_posts(url, reply)
        equal(answer.status, 200, answer)
    equal(xml.fromstring(answer.body).tag, "Response", "what Twilio is answered")
    here.until_acknowledged("TextDown")


def call(here, name, number=0):
    """The call in which the alert is told, answered by a person: its id, and where keys go."""
    def calls():
        return [made for made in here.twilio.made if made[1]["To"] == PIA and "Url" in made[1]]

    sid, form = eventually(lambda: calls()[number:], WAIT, why=f"nobody was called: {here.house.tail()}")[0]
    assert form["Url"].startswith(here.house.url + "/webhooks/phone/"), form["Url"]
    person = {"CallSid": sid, "From": HOTEL, "To": PIA, "CallStatus": "in-progress", "Direction": "outbound-api", "AnsweredBy": "human"}
    equal(here.twilio_posts(form["Url"], person, token="another-token").status, 401, "what somebody else signed")
    spoken = here.twilio_posts(form["Url"], person)
    equal(spoken.status, 200, spoken)
    contains(spoken.headers["Content-Type"], "text/xml")
    (gather,) = xml.fromstring(spoken.body).iter("Gather")
    equal((gather.get("numDigits"), gather.get("method")), ("1", "POST"), "how a key is asked for")
    words = " ".join(gather.itertext())
    for part in (name, "Press 4 to acknowledge", "Press 6 to escalate"):
        contains(words, part)
    return person, gather.get("action"), form["StatusCallback"]


def test_by_phone_key_4():
    here = hotel()
    before = len([made for made in here.twilio.made if "Url" in made[1]])
    here.raise_alert("PhoneDown", "pia")
    person, key, status = call(here, "PhoneDown", before)
    # Any other key says it again, and answers nothing.
    equal(len(list(xml.fromstring(here.twilio_posts(key, person | {"Digits": "7"}).body).iter("Gather"))), 1)
    assert not here.is_acknowledged("PhoneDown"), "key 7 acknowledged"
    contains(here.twilio_posts(key, person | {"Digits": "4"}).text, "Acknowledged")
    equal(here.twilio_posts(status, person | {"CallStatus": "completed", "CallDuration": "21"}).status, 204)
    here.until_acknowledged("PhoneDown")


def test_by_phone_key_6_passes_it_on():
    here = hotel()
    before = len([made for made in here.twilio.made if "Url" in made[1]])
    here.raise_alert("PhonePassed", "pia")
    person, key, status = call(here, "PhonePassed", before)
    equal(here.paged("/bea", "PhonePassed"), [], "Bea's pages before the key")
    contains(here.twilio_posts(key, person | {"Digits": "6"}).text, "Escalated")
    equal(here.twilio_posts(status, person | {"CallStatus": "completed", "CallDuration": "20"}).status, 204)
    page = eventually(lambda: here.paged("/bea", "PhonePassed"), WAIT, why="the next level was not paged")[0]
    assert page[0] - here.raised["PhonePassed"] < WAIT, "it was the wait that passed it on, and not the key"
    here.answer_by_link(page)
    eventually(lambda: here.is_acknowledged("PhonePassed"), why="Bea's answer did not come through")


def test_by_slack():
    here = hotel()
    here.raise_alert("ChatDown", "sol")
    stamp = eventually(lambda: [stamp for stamp, value in here.slack.messages.items() if "ChatDown" in value["text"]], WAIT, why=f"no message was written: {here.house.tail()}")[0]
    equal(here.slack_posts("jack_acknowledge", stamp, secret="another-secret").status, 401, "what somebody else signed")
    equal(here.slack_posts("jack_acknowledge", stamp, at=time.time() - 301).status, 401, "what is older than five minutes")
    assert not here.is_acknowledged("ChatDown"), "what somebody else signed was taken"
    equal(here.slack_posts("jack_acknowledge", stamp).status, 200)
    here.until_acknowledged("ChatDown")
    contains(here.matter("ChatDown")["acknowledged_by"].lower(), "sol")
    # The same message says it, and can no more be acknowledged.
    eventually(lambda: here.slack.messages[stamp]["text"].startswith("[acknowledged]"), WAIT, why="the message does not show it")
    assert "jack_acknowledge" not in json.dumps(here.slack.messages[stamp]), here.slack.messages[stamp]
    here.end("ChatDown", "sol")
    eventually(lambda: here.slack.messages[stamp]["text"].startswith("[resolved]"), WAIT, why="the message does not show the end")


def test_by_pagerduty():
    here = hotel()
    here.raise_alert("DutyDown", "pat")

    def events(action):
        mine = [event for event in here.pagerduty.events if event["event_action"] == "trigger" and "DutyDown" in event["payload"]["summary"]]
        return [event for event in here.pagerduty.events if mine and event["dedup_key"] == mine[0]["dedup_key"] and event["event_action"] == action]

    event = eventually(lambda: events("trigger"), WAIT, why=f"no event was sent: {here.house.tail()}")[0]
    equal(event["routing_key"], KEY_OF_PAT, "whose key")
    here.pagerduty.open.append(event["dedup_key"])
    equal(here.pagerduty_posts("acknowledged", 1, secret="another-secret").status, 401, "what somebody else signed")
    # What a service does by itself, as after a timeout, is nobody's answer.
    equal(here.pagerduty_posts("acknowledged", 2, agent="service_reference").status, 200)
    time.sleep(0.5)
    assert not here.is_acknowledged("DutyDown"), "what a service did was taken for a person's answer"
    for _ in range(2):
        equal(here.pagerduty_posts("acknowledged", 3).status, 200)
    here.until_acknowledged("DutyDown")
    eventually(lambda: events("acknowledge"), WAIT, why="PagerDuty was not told")
    here.end("DutyDown", "pat")
    eventually(lambda: events("resolve"), WAIT, why="PagerDuty was not told of the end")
    equal({one["routing_key"] for one in events("trigger") + events("acknowledge") + events("resolve")}, {KEY_OF_PAT})


def test_a_sink_that_hangs_holds_the_next_contact_up_no_longer_than_its_timeout():
    here = hotel()
    here.raise_alert("HangDown", "hal")
    page = eventually(lambda: here.paged("/hal", "HangDown"), WAIT, why=f"the next contact was not reached: {here.house.tail()}")[0]
    late = page[0] - here.raised["HangDown"]
    # The first contact's address answers through neither of the two instances that carry it.
    assert len(here.mute.taken) == 2, "the first contact was not tried by both"
    assert 1.5 < late < 10, f"the next contact was reached after {late:.1f} s, and the timeout is 2 s"
    here.answer_by_link(page)
    here.until_acknowledged("HangDown")
    # That the way does not work is told to whoever watches, by another way.
    told = eventually(lambda: here.paged("/wes", "PageNotDelivered"), WAIT, why="nobody was told that the sink hangs")
    equal(told[0][2]["alerts"][0]["labels"]["instance"], "mute")


def test_nobody_else_was_paged():
    here = hotel()
    if not here.raised:
        here.raise_alert("Ignored", "hal")
    # Whoever's answer was lost is passed over now.
    time.sleep(max(0, max(here.raised.values()) + WAIT + 3 - time.time()))
    passed = {alert["name"] for page in here.receiver.to("/bea") for alert in page[2]["alerts"]}
    equal(passed, {"PhonePassed", "Ignored"} & set(here.raised), "what was passed on to Bea")
    equal({path for _, path, _ in here.receiver.pages} - {"/bea", "/hal", "/wes"}, set(), "who else was posted to")
    # What these tests forged comes to more failed webhooks a minute than the rules let pass.
    known = {"PageNotDelivered", "WebhookFailures"}
    equal({alert["name"] for page in here.receiver.to("/wes") for alert in page[2]["alerts"]} - known, set(), "what Wes was told of")
    equal({recipient for envelope in here.office.submissions for recipient in envelope.rcpt_tos} - {MIA}, set(), "who else had mail")
    equal({form["To"] for _, form in here.twilio.made if "Body" in form} - {SAM}, set(), "who else had texts")
    equal({form["To"] for _, form in here.twilio.made if "Url" in form} - {PIA}, set(), "who else was called")
    equal({event["routing_key"] for event in here.pagerduty.events} - {KEY_OF_PAT}, set(), "who else had events")
    for vendor in (here.twilio, here.slack, here.pagerduty):
        equal(vendor.complaints, [], "what a vendor refused")
    # One call for each alert: nobody is called to hear that it is acknowledged.
    equal(len([form for _, form in here.twilio.made if "Url" in form]), len({"PhoneDown", "PhonePassed"} & set(here.raised)), "calls")
    equal(here.house.stop(), 0)


if __name__ == "__main__":
    try:
        main()
    finally:
        if hotel_of_all:
            hotel_of_all.close()
