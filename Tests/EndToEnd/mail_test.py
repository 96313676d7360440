"""Mail goes in and out through a real dovecot and a real SMTP server: answered once whatever dies between two steps, and never where nobody should be."""
import random
import sqlite3
import time

from lib_jack import House, contains, equal, eventually, main
from lib_mail import DESK, DOMAIN, PASSWORD, USER, PostOffice

QUESTION = "When is breakfast?"
# The debug build learns its intents at the first message.
PATIENCE = 120


def settings(office, tls="starttls", imap="tls", password=PASSWORD, authorities=True, **more):
    quoted = password.replace("'", "''")
    port = office.imaps_port if imap == "tls" else office.imap_port
    extra = "".join(f"      {key}: {value}\n" for key, value in more.items())
    return (
        f"  email:\n    settings:\n      address: {DESK}\n      aliases: [info@{DOMAIN}]\n{extra}"
        + (f"      certificate_authorities: {office.folder}/ca.pem\n" if authorities else "")
        + f"      smtp: {{host: localhost, port: {office.smtp_port}, security: {tls}, user: {USER}, password: '{quoted}'}}\n"
        + f"      imap: {{host: localhost, port: {port}, security: {imap}, user: {USER}, password: '{quoted}', poll: 5s}}\n")


def hotel(office, **more):
    house = House()
    house.edit("jack.yaml", "  webchat: {}\n", "  webchat: {}\n" + settings(office, **more))
    return house


def running(house):
    eventually(lambda: state(house) == "running", 30, why="the mail instance does not run")


def state(house):
    return house.api("GET", "/api/v1/plugins/email").json["state"]


def mail(sender, number, text=QUESTION, subject="A question", *fields):
    head = [f"From: Guest {number} <{sender}>", f"To: {DESK}", f"Subject: {subject}", f"Message-ID: <{number}@guest.example>", "Date: Mon, 3 Aug 2026 10:00:00 +0200"]
    return ("\r\n".join([*head, *fields, "", text]) + "\r\n").encode()


def answers(office, name):
    """The mails of a guest, each Message-ID once: a mail that was sent again under its old id is the same mail."""
    found = {}
    for item in office.mails(name):
        found[item["Message-ID"]] = item
    return list(found.values())


def begin(office, house):
    house.start()
    running(house)
    # The first mailbox that Jack meets begins with what is new; this waits until it has looked.
    def has_cursor():
        with sqlite3.connect(f"file:{house.database}?mode=ro", uri=True) as database:
            return database.execute("SELECT COUNT(*) FROM plugin_value WHERE instance = 'email' AND key LIKE 'cursor/%'").fetchone()[0]

    eventually(has_cursor, 60, why="Jack does not look into the mailbox")


def test_a_guest_writes_and_is_answered():
    with PostOffice() as office, hotel(office) as house:
        begin(office, house)
        office.post("anna@guest.example", mail("anna@guest.example", 1))
        (answer,) = eventually(lambda: answers(office, "anna"), PATIENCE, why="no answer came")
        equal(answer["Subject"], "Re: A question")
        equal(answer["In-Reply-To"], "<1@guest.example>")
        contains(answer["References"], "<1@guest.example>")
        equal(answer["Auto-Submitted"], "auto-replied")
        contains(answer["From"], DESK)
        contains(answer.get_content(), "reakfast")
        assert answer["Message-ID"].startswith("<jack."), answer["Message-ID"]
        # What was taken is seen; by whom, the mailbox does not say.
        eventually(lambda: all(file.name.endswith("S") for file in office.files("desk")), 20, why="the mail is not marked as seen")
        # The guest answers with a quotation, and the conversation goes on in the same thread.
        reply = mail("anna@guest.example", 2, "And what is the wifi password?\r\n\r\nOn Mon, 3 Aug 2026 at 10:01, Hotel wrote:\r\n> breakfast breakfast\r\n",
                     "Re: A question", f"In-Reply-To: {answer['Message-ID']}", f"References: <1@guest.example> {answer['Message-ID']}")
        office.post("anna@guest.example", reply)
        second = eventually(lambda: [item for item in answers(office, "anna") if item["In-Reply-To"] == "<2@guest.example>"], PATIENCE, why="no second answer")
        contains(second[0].get_content().lower(), "wi")
        equal(len(house.api("GET", "/api/v1/conversations").json["items"]), 1, "one guest, one conversation")
        equal(house.stop(), 0)


def test_nobody_is_answered_who_is_nobody():
    with PostOffice() as office, hotel(office, imap="starttls") as house:
        begin(office, house)
        office.post("bot@guest.example", mail("bot@guest.example", 1, "I am away", "Out of office", "Auto-Submitted: auto-replied"))
        office.post("news@guest.example", mail("news@guest.example", 2, "Buy", "Offer", "Precedence: bulk"))
        office.post("", mail("someone@guest.example", 3, "Returned"))
        office.post(DESK, mail(DESK, 4))
        office.post(f"info@{DOMAIN}", mail(f"info@{DOMAIN}", 5))
        # One that is a guest's comes after them all: when it is answered, they have been dealt with.
        office.post("ben@guest.example", mail("ben@guest.example", 6))
        eventually(lambda: answers(office, "ben"), PATIENCE, why="no answer came")
        equal({envelope.rcpt_tos[0] for envelope in office.submissions}, {"ben@guest.example"})
        seen = [file for file in office.files("desk") if file.name.endswith("S")]
        equal(len(seen), 1, "what is left to people stays unseen")
        equal(house.stop(), 0)


def test_a_bounce_is_the_failure_of_the_mail_that_it_names():
    with PostOffice() as office, hotel(office) as house:
        begin(office, house)
        office.post("cleo@guest.example", mail("cleo@guest.example", 1))
        (answer,) = eventually(lambda: answers(office, "cleo"), PATIENCE, why="no answer came")
        report = (
            f"From: Mail Delivery System <MAILER-DAEMON@guest.example>\r\nTo: {DESK}\r\nSubject: Undelivered Mail Returned to Sender\r\n"
            "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n"
            "--b\r\n\r\nCould not be delivered.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.guest.example\r\n\r\n"
            "Final-Recipient: rfc822; cleo@guest.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
            f"From: {DESK}\r\nMessage-ID: {answer['Message-ID']}\r\n\r\n--b--\r\n")
        office.post("", report.encode())
        conversation = house.api("GET", "/api/v1/conversations").json["items"][0]["id"]

        def failed():
            items = house.api("GET", f"/api/v1/conversations/{conversation}/messages").json["items"]
            return [item for item in items if item.get("delivery") == "failed" or item.get("state") == "failed"]

        eventually(failed, 30, why=f"the message has not failed: {house.api('GET', f'/api/v1/conversations/{conversation}/messages').text[:1500]}")
        equal(len(office.submissions), 1, "a bounce is not answered")
        equal(house.stop(), 0)


def test_the_servers_go_and_come_back():
    with PostOffice() as office, hotel(office) as house:
        begin(office, house)
        office.stop_dovecot()
        office.post("dora@guest.example", mail("dora@guest.example", 1))
        office.start_dovecot()
        eventually(lambda: answers(office, "dora"), PATIENCE, why="what came while the server was away is not answered")
        # New numbers: what was answered is not answered again, and what came in between is.
        office.stop_dovecot()
        office.renumber()
        office.post("emil@guest.example", mail("emil@guest.example", 2))
        office.start_dovecot()
        eventually(lambda: answers(office, "emil"), PATIENCE, why="what came with the new numbers is not answered")
        equal(len(office.mails("dora")), 1, "answered twice after the numbers changed")
        equal(house.stop(), 0)


def test_killed_between_any_two_steps():
    rng = random.Random(7)
    with PostOffice() as office, hotel(office) as house:
        begin(office, house)
        # One before the first kill, so that the intents are learned once and lives are long enough to do something.
        guests = [f"guest{number}" for number in range(12)]
        for number, name in enumerate(guests):
            office.post(f"{name}@guest.example", mail(f"{name}@guest.example", 100 + number))
            if number % 3 == 2:
                time.sleep(rng.uniform(0.1, 3))
                house.kill()
                house.start()
        for life in range(3):
            time.sleep(rng.uniform(2, 8))
            house.kill()
            house.start()
        for name in guests:
            eventually(lambda: answers(office, name), PATIENCE, why=f"{name} was not answered")
        time.sleep(1)
        for name in guests:
            equal(len(answers(office, name)), 1, f"answers to {name}")
        twice = sum(len(office.mails(name)) for name in guests) - len(guests)
        print(f"# {len(guests)} mails, 7 kills, {twice} sent again under the same Message-ID", flush=True)
        equal(house.stop(), 0)
        with sqlite3.connect(house.database) as database:
            equal(database.execute("SELECT COUNT(*) FROM inbox WHERE instance = 'email'").fetchone()[0], len(guests), "events in the inbox")


def test_killed_while_the_server_takes_the_mail():
    with PostOffice() as office, hotel(office) as house:
        begin(office, house)
        kills = []

        def kill():
            if not kills:
                kills.append(house.kill())

        office.on_data = kill
        office.post("finn@guest.example", mail("finn@guest.example", 1))
        eventually(lambda: kills and house.process.poll() is not None, PATIENCE, why="no mail was sent")
        house.start()
        # The server has it, and Jack cannot know: the mail comes again under the same Message-ID, by which the guest's program shows it once.
        eventually(lambda: len(office.mails("finn")) == 2, PATIENCE, why="the mail was not sent again")
        equal(len(answers(office, "finn")), 1, "the Message-IDs differ")
        equal(house.stop(), 0)


def test_only_the_hotels_own_server_says_whose_mail_it_is():
    """Marta lives in 204, and the PMS knows her address, which anybody can write into a mail."""
    guest, found = "marta.bergmann@example.com", "dmarc=pass header.from=example.com"
    with PostOffice() as office, hotel(office, authentication=f"{{server: mx.{DOMAIN}}}") as house:
        begin(office, house)

        def tasks():
            return [task for task in house.api("GET", "/api/v1/tasks?department=housekeeping").json["items"] if task["room"] == "204"]

        # A forger writes the server's word into the mail: it stands below what the server itself has put on top.
        forged = mail(guest, 1, "please bring two towels", "Towels", f"Authentication-Results: mx.{DOMAIN}; {found}")
        office.post("eve@elsewhere.example", forged)
        eventually(lambda: answers(office, "marta.bergmann"), PATIENCE, why="no answer came")
        equal(tasks(), [], "a forged mail is not the guest's")
        (conversation,) = house.api("GET", "/api/v1/conversations?channel=email").json["items"]
        (message,) = [item for item in house.api("GET", f"/api/v1/conversations/{conversation['id']}/messages").json["items"] if item["author"] == "guest"]
        contains(house.run("why", message["id"], "--config", house.config).output, "not proven")
        office.finds[guest] = found
        office.post(guest, mail(guest, 2, "please bring two towels", "Towels"))
        eventually(tasks, PATIENCE, why="the guest's own mail made no task")
        equal(len(tasks()), 1)
        equal(house.stop(), 0)


def test_check_says_whether_the_servers_are_there():
    with PostOffice() as office:
        with hotel(office) as house:
            good = house.run("check", "--probe", "--config", house.config)
            equal(good.status, 0, good)
            contains(good.output + good.error, "localhost takes mail after a login")
            contains(good.output + good.error, "INBOX at localhost holds 0 mails")
            equal(office.submissions, [])
        with hotel(office, password="wrong") as house:
            bad = house.run("check", "--probe", "--config", house.config)
            assert bad.status != 0, bad
            contains(bad.output + bad.error, "does not accept the user's name and password")
            assert "wrong" not in bad.output + bad.error, bad
        with hotel(office, authorities=False) as house:
            untrusted = house.run("check", "--probe", "--config", house.config)
            assert untrusted.status != 0, untrusted
            contains(untrusted.output + untrusted.error, "is not one to trust")


def test_the_environment_names_the_server():
    with PostOffice() as office:
        house = House(environment={"SMTP_HOST": "localhost", "SMTP_PORT": str(office.smtp_port), "SMTP_USER": DESK, "SMTP_PASSWORD": "from the environment"})
        with house:
            result = house.run("config", "show", "--config", house.config)
            contains(result.output, "localhost", result)
            assert "from the environment" not in result.output, result


ALARMS = f"desk+alerts-7c1f@{DOMAIN}"
SOURCE = """  sources:
    - {name: plant, kind: email, channel: email, addresses: [%s], senders: ["@plant.example"], severities: {sprinkler: critical}}
""" % ALARMS


def test_mails_of_programs_are_alerts_and_nobody_is_answered():
    with PostOffice() as office, hotel(office, automatic_to=f"[{ALARMS}]") as house:
        house.edit("jack.yaml", "oncall:\n", "oncall:\n" + SOURCE)
        begin(office, house)

        def alarm(number, subject, sender="no-reply@plant.example", to=ALARMS):
            fields = f"From: Plant <{sender}>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{number}@plant.example>\r\nAuto-Submitted: auto-generated\r\n\r\n2.1 bar\r\n"
            office.post(sender, fields.encode(), to)

        def standing():
            with sqlite3.connect(f"file:{house.database}?mode=ro", uri=True) as database:
                return [row[0] for row in database.execute("SELECT alert FROM standing_alert WHERE fingerprint LIKE 'source:plant:%'")]

        alarm(1, "[FIRING:1] Sprinkler pressure low")
        (alert,) = eventually(standing, PATIENCE, why="the mail did not become an alert")
        contains(alert, '"critical"')
        contains(alert, "Sprinkler pressure low")
        # Whoever is not believed, and a program that writes to the desk itself, raise nothing.
        alarm(2, "[FIRING:1] Everything burns", sender="eve@elsewhere.example")
        alarm(3, "[FIRING:1] Everything burns", to=DESK)
        alarm(4, "[FIRING:2] Sprinkler pressure low")
        house.kill()
        house.start()
        alarm(5, "[RESOLVED] Sprinkler pressure low")
        eventually(lambda: not standing(), PATIENCE, why="the alert did not end")
        # A guest is answered as before, and is the only one.
        office.post("gina@guest.example", mail("gina@guest.example", 6))
        eventually(lambda: answers(office, "gina"), PATIENCE, why="no answer came")
        equal({envelope.rcpt_tos[0] for envelope in office.submissions}, {"gina@guest.example"})
        assert "Everything burns" not in house.api("GET", "/api/v1/conversations").text
        equal(house.stop(), 0)


if __name__ == "__main__":
    main()
