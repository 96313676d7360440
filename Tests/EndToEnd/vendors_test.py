"""A guest writes by WhatsApp, the first model is overloaded, the second answers word by word, and Meta's receipts come back: real Jack, vendors played on loopback by their documents."""
import hashlib
import hmac
import json
import signal
import threading
import time

from lib_jack import House, Listener, contains, equal, eventually, main, request

NUMBER = "106540352242922"
TOKEN = "EAAG-token-of-the-played-meta"
SECRET = "app-secret-of-the-played-meta"
OPENAI_KEY = "sk-played-openai-key"
ANTHROPIC_KEY = "sk-ant-played-anthropic-key"
GUEST = "16505551234"
QUESTION = "When is breakfast, dear Jack?"
WORDS = ["Breakfast", " is served", " from", " seven to", " half past ten. [do", "c:%s]"]


class Vendor(Listener):
    """A vendor on a port of its own. What it is asked it checks as strictly as the vendor would, and remembers."""

    def __init__(self, answers):
        self.answers = answers
        self.requests = []
        self.complaints = []
        # What it has taken over, whether or not it came to say so.
        self.accepted = []
        # While it is there, what was taken is not answered until it is set.
        self.silence = None
        # While true, nothing is taken.
        self.refuses = False
        super().__init__()

    def answer(self, handler, body):
        self.requests.append((handler.command, handler.path, body))
        try:
            self.answers(self, handler, body)
        except AssertionError as error:
            self.complaints.append(str(error))
            self.reply(handler, 400, {"error": {"message": str(error), "code": 100, "type": "OAuthException"}})


def meta(vendor, handler, body):
    assert handler.headers["Authorization"] == f"Bearer {TOKEN}", "no token"
    if handler.command == "GET":
        assert handler.path.startswith(f"/v26.0/{NUMBER}?"), handler.path
        return vendor.reply(handler, 200, {"id": NUMBER, "display_phone_number": "+1 555 078 3881", "verified_name": "Hotel Miramar", "quality_rating": "GREEN"})
    assert handler.path == f"/v26.0/{NUMBER}/messages", handler.path
    assert handler.headers["Content-Type"].startswith("application/json"), "not JSON"
    value = json.loads(body)
    assert value["messaging_product"] == "whatsapp", "messaging_product is missing"
    if value.get("status") == "read":
        assert value["message_id"].startswith("wamid."), value
        return vendor.reply(handler, 200, {"success": True})
    assert value["type"] == "text" and 0 < len(value["text"]["body"]) <= 4096, value
    if vendor.refuses:
        return vendor.reply(handler, 503, {"error": {"message": "Service temporarily unavailable", "code": 2, "type": "OAuthException"}})
    vendor.accepted.append(value)
    name = f"wamid.OUT{len(vendor.accepted)}"
    if silence := vendor.silence:
        # Meta has the message, and its answer does not arrive.
        silence.wait(60)
        handler.close_connection = True
        return
    vendor.reply(handler, 200, {"messaging_product": "whatsapp", "contacts": [{"input": value["to"], "wa_id": GUEST}], "messages": [{"id": name}]})


def overloaded(vendor, handler, body):
    assert handler.headers["x-api-key"] == ANTHROPIC_KEY and handler.headers["anthropic-version"], "no key or version"
    if handler.command == "GET":
        return vendor.reply(handler, 200, {"data": [{"type": "model", "id": "claude-x", "display_name": "X", "created_at": "2026-01-01T00:00:00Z"}], "has_more": False, "first_id": "claude-x", "last_id": "claude-x"})
    vendor.reply(handler, 529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})


def openai(vendor, handler, body):
    assert handler.headers["Authorization"] == f"Bearer {OPENAI_KEY}", "no key"
    if handler.command == "GET":
        return vendor.reply(handler, 200, {"object": "list", "data": [{"id": "gpt-x", "object": "model", "created": 1, "owned_by": "x"}]})
    assert handler.path == "/v1/chat/completions", handler.path
    value = json.loads(body)
    assert value["model"] == "gpt-x" and value.get("stream") is True, f"a stream of gpt-x was expected, and {list(value)} came"
    roles = [message["role"] for message in value["messages"]]
    assert roles[0] in ("system", "developer") and roles[-1] == "user", roles
    assert QUESTION not in value["messages"][0]["content"], "the guest's words stand among the instructions"
    assert vendor.document in value["messages"][0]["content"], "the document that answers was not given"
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Connection", "close")
    handler.end_headers()
    document = vendor.document
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x-2026"}
    for word in WORDS:
        text = word % document if "%s" in word else word
        piece = head | {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
        handler.wfile.write(f"data: {json.dumps(piece)}\n\n".encode())
        handler.wfile.flush()
    handler.wfile.write(f"data: {json.dumps(head | {'choices': [{'index': 0, 'delta': {}, 'finish_reason': 'stop'}]})}\n\n".encode())
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    handler.wfile.write(f"data: {json.dumps(head | {'choices': [], 'usage': usage})}\n\n".encode())
    handler.wfile.write(b"data: [DONE]\n\n")
    handler.close_connection = True


class Hotel:
    def __enter__(self):
        self.meta, self.anthropic, self.openai = Vendor(meta), Vendor(overloaded), Vendor(openai)
        self.openai.document = None
        self.house = House()
        self.house.edit(
            "jack.yaml", "  webchat: {}\n",
            "  webchat: {}\n  whatsapp:\n    settings:\n"
            f"      phone_number_id: \"{NUMBER}\"\n      access_token: {TOKEN}\n      app_secret: {SECRET}\n      verify_token: verify-me-please\n      base_url: {self.meta.url}\n")
        self.house.edit(
            "jack.yaml", "ai:\n  embedded:\n",
            f"ai:\n  anthropic:\n    settings: {{api_key: {ANTHROPIC_KEY}, model: claude-x, base_url: '{self.anthropic.url}'}}\n"
            f"  openai:\n    settings: {{api_key: {OPENAI_KEY}, model: gpt-x, base_url: '{self.openai.url}/v1'}}\n  embedded:\n")
        self.house.edit("jack.yaml", "  ai: [embedded]\n", "  ai: [anthropic, openai, embedded]\n")
        with open(self.house.config, "a", encoding="utf-8") as file:
            file.write("\ncosts:\n  currency: USD\n  rates:\n    gpt-x: {input: 2, output: 10}\n")
        return self

    def __exit__(self, *_):
        self.house.close()
        for vendor in (self.meta, self.anthropic, self.openai):
            vendor.close()

    def start(self):
        self.house.start()
        eventually(lambda: self.house.api("GET", "/api/v1/plugins/whatsapp").json["state"] == "running", 30)
        hits = self.house.api("GET", "/api/v1/knowledge/search?q=When%20is%20breakfast&limit=1&language=en").json["items"]
        self.openai.document = hits[0]["id"]
        return self

    def deliver(self, value, secret=SECRET):
        body = json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": "messages", "value": {
            "messaging_product": "whatsapp", "metadata": {"display_phone_number": "15550783881", "phone_number_id": NUMBER}} | value}]}]}).encode()
        code = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return request("POST", self.house.url + "/webhooks/whatsapp", body=body, headers={"X-Hub-Signature-256": f"sha256={code}", "Content-Type": "application/json"})

    def write(self, text, number=1, **more):
        return self.deliver({
            "contacts": [{"profile": {"name": "Sheena"}, "wa_id": GUEST}],
            "messages": [{"from": GUEST, "id": f"wamid.IN{number}", "timestamp": str(int(time.time())), "type": "text", "text": {"body": text}}]}, **more)

    def status(self, name, message="wamid.OUT1", own=None):
        """Meta's status of a message; `own` is what Jack sent along with it, which Meta gives back."""
        value = {"id": message, "status": name, "timestamp": str(int(time.time())), "recipient_id": GUEST}
        return self.deliver({"statuses": [value | ({"biz_opaque_callback_data": own} if own else {})]})

    def answers(self, delivery):
        return [m for m in self.messages() if m["author"] == "jack" and m["delivery"] == delivery]

    def kill_between_acceptance_and_note(self, status_first):
        """Meta takes the answer to a question and cannot say so before Jack is killed. Returns what Jack sent along with it."""
        self.meta.silence = threading.Event()
        try:
            equal(self.write(QUESTION).status, 200)
            own = eventually(lambda: self.meta.accepted, 60, why=self.house.tail())[0]["biz_opaque_callback_data"]
            if status_first:
                equal(self.status("sent", own=own).status, 200)
                eventually(lambda: self.answers("sent"), 20)
            else:
                equal(self.answers("sent"), [], "nobody has said that it left")
            self.house.kill()
        finally:
            self.meta.silence.set()
            self.meta.silence = None
        return own

    def goes_on(self):
        """The next question is answered, and the first answer was the only one at Meta until then."""
        equal(len(self.meta.accepted), 1, "the message left again")
        # The vendor's own id, which no answer of Meta's ever named, is known by now.
        equal(self.status("delivered").status, 200)
        eventually(lambda: self.answers("delivered"), 20)
        equal(self.write(QUESTION, number=2).status, 200)
        eventually(lambda: len(self.meta.accepted) > 1, 90, why=self.house.tail())
        eventually(lambda: self.answers("sent"), 20)
        names = [value["biz_opaque_callback_data"] for value in self.meta.accepted]
        equal((len(names), len(set(names))), (2, 2), "each message is at Meta once")
        equal(self.meta.complaints, [])

    def sent(self):
        bodies = [json.loads(body) for method, path, body in self.meta.requests if method == "POST"]
        return [body["text"]["body"] for body in bodies if body.get("type") == "text"]

    def messages(self):
        conversations = self.house.api("GET", "/api/v1/conversations?channel=whatsapp").json["items"]
        return self.house.api("GET", f"/api/v1/conversations/{conversations[0]['id']}/messages").json["items"] if conversations else []


def test_a_message_is_answered_by_the_second_model_and_its_receipt_shows():
    with Hotel() as hotel:
        hotel.start()
        equal(hotel.write(QUESTION).status, 200)
        eventually(lambda: hotel.sent(), 60, why=hotel.house.tail())
        equal(hotel.sent(), ["Breakfast is served from seven to half past ten."])
        # Meta delivers more than once.
        equal(hotel.write(QUESTION).status, 200)
        for name in ["read", "delivered", "sent"]:
            equal(hotel.status(name).status, 200)
        answer = eventually(lambda: next(m for m in hotel.messages() if m["author"] == "jack" and m["delivery"] == "read"), 20)
        assert answer["sources"], answer
        equal(len(hotel.sent()), 1, "a message that came twice is answered once")
        equal(hotel.meta.complaints + hotel.openai.complaints + hotel.anthropic.complaints, [])
        guest = next(m for m in hotel.messages() if m["author"] == "guest")
        why = hotel.house.run("why", guest["id"], "--config", hotel.house.config)
        contains(why.output, "anthropic")
        contains(why.output, "529")
        contains(why.output, "openai is")
        costs = eventually(lambda: hotel.house.api("GET", "/api/v1/costs?by=model").json["items"])
        equal([(item["key"], item["input_tokens"], item["output_tokens"], item["fallbacks"]) for item in costs], [("gpt-x-2026", 1000, 100, 1)])
        equal(round(costs[0]["cost"], 6), 0.003)
        contains(hotel.house.run("costs", "--by", "instance", "--config", hotel.house.config).output, "openai")


def test_what_is_not_signed_by_meta_is_refused_and_stored_nowhere():
    with Hotel() as hotel:
        hotel.start()
        equal(hotel.write(QUESTION, secret="another-secret").status, 401)
        equal(request("POST", hotel.house.url + "/webhooks/whatsapp", body=b"{}").status, 401)
        equal(hotel.messages(), [])
        handshake = request("GET", hotel.house.url + "/webhooks/whatsapp?hub.mode=subscribe&hub.verify_token=verify-me-please&hub.challenge=4711")
        equal((handshake.status, handshake.text), (200, "4711"))
        assert request("GET", hotel.house.url + "/webhooks/whatsapp?hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=4711").status in (401, 403)


def test_a_message_outlives_the_process():
    with Hotel() as hotel:
        hotel.start()
        equal(hotel.write(QUESTION).status, 200)
        hotel.house.kill()
        hotel.house.start()
        eventually(lambda: hotel.sent(), 60, why=hotel.house.tail())
        equal(set(hotel.sent()), {"Breakfast is served from seven to half past ten."})
        eventually(lambda: any(m["delivery"] in ("sent", "delivered", "read") for m in hotel.messages() if m["author"] == "jack"), 20)


def test_a_status_before_the_kill_keeps_the_message_from_leaving_again():
    with Hotel() as hotel:
        hotel.start()
        hotel.kill_between_acceptance_and_note(status_first=True)
        hotel.start()
        hotel.goes_on()


def test_a_status_after_the_kill_keeps_the_message_from_leaving_again():
    with Hotel() as hotel:
        hotel.start()
        own = hotel.kill_between_acceptance_and_note(status_first=False)
        # Meta takes nothing for now, so that its status comes before the next Jack has sent again.
        hotel.meta.refuses = True
        hotel.start()
        equal(hotel.status("sent", own=own).status, 200)
        eventually(lambda: hotel.answers("sent"), 20)

        def is_quiet():
            before = len(hotel.meta.requests)
            time.sleep(2)
            return len(hotel.meta.requests) == before

        # A try that was under way when the status came still ends in vain.
        eventually(is_quiet, 60)
        hotel.meta.refuses = False
        hotel.goes_on()


def test_the_probe_tells_of_each_vendor_and_changes_nothing():
    with Hotel() as hotel:
        result = hotel.house.run("check", str(hotel.house.config), "--probe", timeout=120)
        equal(result.status, 0, result)
        for name in ["whatsapp", "openai", "anthropic"]:
            contains(result.output, name)
        assert all(method == "GET" for vendor in (hotel.meta, hotel.openai, hotel.anthropic) for method, _, _ in vendor.requests), "a probe changes nothing"
        for secret in [TOKEN, SECRET, OPENAI_KEY, ANTHROPIC_KEY]:
            assert secret not in result.output + result.error, "a secret was printed"


if __name__ == "__main__":
    main()
