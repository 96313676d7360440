"""A post office for the end-to-end tests: a certificate authority, a real dovecot, and an SMTP server that delivers into its Maildirs. All on loopback."""
import asyncio
import contextlib
import email
import email.policy
import itertools
import logging
import os
import pathlib
import pwd
import shutil
import signal
import smtplib
import ssl
import subprocess
import tempfile
import threading
import time
import warnings

from aiosmtpd.smtp import SMTP, AuthResult

from lib_jack import eventually, free_port

# What it says of clients that end a handshake, as one that trusts nobody does, is no news here.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)
warnings.simplefilter("ignore")

DOMAIN = "hotel.example"
DESK = f"desk@{DOMAIN}"
USER, PASSWORD = "desk", "a password with \"quotes\" and \\ it"


class PostOffice:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="jack-mail-"))
        os.chmod(self.folder, 0o755)
        self.imap_port, self.imaps_port = free_port(), free_port()
        self.counter = itertools.count()
        self.dovecot = None
        self.submissions = []
        # Called with each mail that is submitted, before it is acknowledged.
        self.on_data = lambda: None
        # dovecot gives mail to no root; another than root can only be itself.
        self.user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.identity = pwd.getpwnam(self.user)
        self._certificates()
        for name in ("desk", "taken"):
            self.mailbox(name)
        self._configure()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.start_dovecot()
        self.smtp_port = self._listen(submission=True)
        # What the hotel's own server finds of an envelope's sender, and writes above its Received.
        self.finds = {}
        self.mx_port = self._listen(submission=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop_dovecot()
        self.loop.call_soon_threadsafe(self.loop.stop)
        shutil.rmtree(self.folder, ignore_errors=True)

    # Certificates

    def _certificates(self):
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=jack-test-ca")
        openssl("req", *curve, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
        (self.folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl(
            "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names", "-out",
            "server.pem")

    # Mailboxes

    def mailbox(self, name):
        """The Maildir of a user, made where there is none."""
        path = self.folder / "mail" / name
        if not path.exists():
            for part in ("new", "cur", "tmp"):
                (path / part).mkdir(parents=True)
            if os.geteuid() == 0:
                subprocess.run(["chown", "-R", f"{self.identity.pw_uid}:{self.identity.pw_gid}", self.folder / "mail"], check=True)
        return path

    def deliver(self, name, data):
        """Puts a mail into a Maildir as a delivery agent does: written aside, then moved in."""
        path, number = self.mailbox(name), next(self.counter)
        unique = f"{time.time_ns()}.{os.getpid()}_{number}.localhost"
        with open(path / "tmp" / unique, "wb") as file:
            file.write(data.replace(b"\r\n", b"\n"))
        if os.geteuid() == 0:
            os.chown(path / "tmp" / unique, self.identity.pw_uid, self.identity.pw_gid)
        os.rename(path / "tmp" / unique, path / "new" / unique)

    def files(self, name):
        path = self.mailbox(name)
        return sorted([*(path / "new").iterdir(), *(path / "cur").iterdir()], key=lambda file: file.name)

    def mails(self, name):
        # Whoever reads the mailbox moves files from `new` to `cur`, also between a listing and a reading.
        while True:
            try:
                return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in self.files(name)]
            except FileNotFoundError:
                continue

    # dovecot

    def _configure(self):
        group = subprocess.run(["id", "-gn", self.user], capture_output=True, text=True, check=True).stdout.strip()
        ours = "" if os.geteuid() == 0 else f"default_internal_user = {self.user}\ndefault_login_user = {self.user}\ndefault_internal_group = {group}\n"
        (self.folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
        os.chmod(self.folder / "users", 0o644)
        (self.folder / "dovecot.conf").write_text(
            f"""{ours}base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
first_valid_uid = 1
ssl = required
ssl_cert = <{self.folder}/server.pem
ssl_key = <{self.folder}/server.key
mail_location = maildir:{self.folder}/mail/%n
auth_mechanisms = plain login
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%n {self.folder}/users
}}
userdb {{
  driver = static
  args = uid={self.identity.pw_uid} gid={self.identity.pw_gid} home={self.folder}/mail/%n
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {self.imap_port}
  }}
  inet_listener imaps {{
    port = {self.imaps_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
""")

    def start_dovecot(self):
        (self.folder / "run").mkdir(exist_ok=True)
        log = open(self.folder / "dovecot.out", "ab")
        self.dovecot = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", self.folder / "dovecot.conf"], stdout=log, stderr=log)
        log.close()

        def listens():
            import socket

            if self.dovecot.poll() is not None:
                raise AssertionError("dovecot ended: " + (self.folder / "dovecot.out").read_text())
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.imap_port), timeout=1):
                return True

        eventually(listens, 20, why="dovecot does not listen")

    def stop_dovecot(self):
        if self.dovecot and self.dovecot.poll() is None:
            self.dovecot.send_signal(signal.SIGTERM)
            self.dovecot.wait(20)

    def renumber(self):
        """Gives the desk's mailbox new numbers, as moving it to another server does."""
        for file in self.mailbox("desk").iterdir():
            if file.name.startswith("dovecot"):
                file.unlink()
        (self.mailbox("desk") / "dovecot-uidvalidity").write_text("")
        (self.mailbox("desk") / "dovecot-uidvalidity").unlink()

    # SMTP

    def _listen(self, submission):
        office = self
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")

        def authenticate(server, session, envelope, mechanism, data):
            good = data.login == USER.encode() and data.password == PASSWORD.encode()
            return AuthResult(success=good, handled=good)

        class Handler:
            async def handle_RCPT(self, server, session, envelope, address, options):
                name = address.split("@")[0]
                if name == "nobody-here":
                    return "550 5.1.1 No such user"
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, server, session, envelope):
                for recipient in envelope.rcpt_tos:
                    head = f"Return-Path: <{(envelope.mail_from or '').strip('<>')}>\r\nDelivered-To: {recipient}\r\n".encode()
                    if not submission:
                        found = office.finds.get(envelope.mail_from)
                        head += f"Authentication-Results: mx.{DOMAIN}; {found}\r\n".encode() if found else b""
                        head += f"Received: from localhost by mx.{DOMAIN} with ESMTP; Mon, 3 Aug 2026 10:00:01 +0200\r\n".encode()
                    office.deliver(recipient.split("@")[0].split("+")[0], head + envelope.content)
                if submission:
                    office.submissions.append(envelope)
                    office.on_data()
                return "250 2.0.0 Taken"

        options = {}
        if submission:
            options = {"tls_context": context, "require_starttls": True, "authenticator": authenticate, "auth_required": True}
        port = free_port()
        start = self.loop.create_server(lambda: SMTP(Handler(), hostname="localhost", loop=self.loop, **options), "127.0.0.1", port)
        asyncio.run_coroutine_threadsafe(start, self.loop).result(10)
        return port

    def post(self, sender, data, recipient=DESK):
        """A guest's mail, from the guest's own provider."""
        with smtplib.SMTP("127.0.0.1", self.mx_port) as client:
            client.sendmail(sender, [recipient], data)
