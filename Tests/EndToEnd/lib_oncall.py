"""What tests of on call share: a receiver of pages, and a Jack that goes by a plan."""
import collections
import json
import time

from lib_jack import House, Listener


class Receiver(Listener):
    """Takes pages as the plan's receivers do, and remembers them."""

    def __init__(self):
        self.pages = []
        # Whoever asks often must not take the time that arrivals are noted in.
        self.by_name = collections.defaultdict(list)
        super().__init__()

    def answer(self, handler, body):
        page = (time.time(), handler.path, json.loads(body))
        self.pages.append(page)
        for alert in page[2].get("alerts", []):
            self.by_name[alert["name"]].append(page)
        self.reply(handler, 202, {})

    def to(self, path, event="page"):
        return [page for page in self.pages if page[1] == path and page[2]["event"] == event]


def planned_house(receiver, plan, *assignments):
    """A Jack that goes by a plan, with the sinks `one`, a webhook, and `pagerduty`; the receiver plays both."""
    one = House(*assignments, environment={"HOOK_SECRET": "0123456789abcdef0123"})
    (one.folder / "config" / "plan.yaml").write_text(plan)
    one.edit("jack.yaml", "alerts:\n  log: {}\n", (
        "alerts:\n  log: {}\n"
        "  one:\n    plugin: webhook\n    settings: {url: \"%s/one\", secret: \"${HOOK_SECRET}\", reaches_human: true}\n"
        "  pagerduty:\n    settings: {routing_key: 0123456789abcdef0123456789abcdef, base_url: \"%s\"}\n") % (receiver.url, receiver.url))
    one.edit("jack.yaml", "oncall:\n", "oncall:\n  file: plan.yaml\n")
    one.edit("jack.yaml", "  #public_url: https://jack.example.com", f"  public_url: {one.url}")
    return one
