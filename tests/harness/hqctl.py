"""A headquarters made and used by hqctl alone: init, enroll, import, sign, publish, hits.

    hq = Hqctl(folder, fleet="lu-hz").init().start()      # hqd and hq-cad of what init wrote
    hq.publish([entry(1, "鲁H12345", priority=1)])          # CSV -> draft -> two clerks -> hqd
    token = hq.enroll("lu-hz-01")["token"]                 # shutil.copytree(hq.box, "/etc/checkpoint")
    hq.hits()                                              # list of hqd's hit objects
    hq.stop()

Passphrases go over a pipe. Entries are dicts as harness.signing.entry makes; ids are given anew.
"""
import base64
import hashlib
import csv
import json
import os
import pathlib
import subprocess

from harness.hq import BIN, Peer
from harness.process import SANITIZER_OPTIONS, Program, run_program

COLUMNS = ["plate", "class", "category", "priority", "handling", "officer_risk", "reason", "authority",
           "case_number", "applicant", "reviewer", "approver", "contact", "valid_from", "valid_until",
           "instructions", "vehicle", "applicant_number", "applicant_time", "reviewer_number", "reviewer_time",
           "approver_number", "approver_time", "document", "emergency"]
EXEMPT_COLUMNS = ["plate", "class", "kind", "reason", "authority", "approver", "valid_from", "valid_until",
                  "checkpoints"]
ROOTS = ["root key one", "root key two", "root key three", "ca keys of HQ", "update holder", "stick holder", "observe holder"]


class HqctlError(RuntimeError):
    """hqctl refused; `.status`, `.stdout` and `.stderr` say what."""

    def __init__(self, args, result):
        super().__init__(f"hqctl {' '.join(map(str, args))}: status {result.returncode}\n{result.stderr}")
        self.status, self.stdout, self.stderr = result.returncode, result.stdout, result.stderr


def write_csv(path, entries, columns=COLUMNS):
    """Entries as the CSV that hqctl imports; lists (officer_risk) are joined with ';'."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(columns)
        for value in entries:
            cells = [value.get(name, "") for name in columns]
            rows.writerow([";".join(c) if isinstance(c, list) else "yes" if c is True else c for c in cells])
    return pathlib.Path(path)


class Hqctl:
    """A folder of 'hqctl init' under `folder`/hq, the two programs, and the commands as methods."""

    def __init__(self, folder, fleet="testfleet", operator="zhang", clerks=("zhang", "li"),
                 address="127.0.0.1:0", est_listen="127.0.0.1:0"):
        self.folder = pathlib.Path(folder)
        self.dir = self.folder / "hq"
        self.box = self.dir / "box"
        self.fleet, self.operator, self.clerks = fleet, operator, list(clerks)
        self.address, self.est_listen = address, est_listen
        self.passphrases = {name: f"list key of {name}" for name in clerks}
        self.hqd = Program("hqd", [BIN / "hqd", "--config", self.dir / "hqd.yaml"], self.folder)
        self.cad = Program("hq-cad", [BIN / "hq-cad", "--config", self.dir / "hq-cad.yaml"], self.folder)
        self.count = 0

    # Running hqctl

    def argv(self, *args):
        return [str(BIN / "hqctl"), *map(str, args)]

    def try_run(self, *args, passphrases=(), text=True, **options):
        """The finished process, whatever its status; `passphrases` are lines of --passphrase-fd."""
        argv, fds, reader = self.argv(*args), (), None
        if passphrases:
            reader, writer = os.pipe()
            os.write(writer, "".join(f"{line}\n" for line in passphrases).encode())
            os.close(writer)
            argv += ["--passphrase-fd", str(reader)]
            fds = (reader,)
        try:
            return run_program(argv, text=text, pass_fds=fds, timeout_s=120, stdin=subprocess.DEVNULL,
                               **options)
        finally:
            if reader is not None:
                os.close(reader)

    def run(self, *args, **options):
        """Standard output; HqctlError unless the status is 0."""
        result = self.try_run(*args, **options)
        if result.returncode != 0:
            raise HqctlError(args, result)
        return result.stdout

    @property
    def online(self):
        """The options that reach this headquarters."""
        return ["--dir", self.dir, "--hq", f"https://127.0.0.1:{self.port}"]

    def json(self, *args, **options):
        """The objects a command answers with --json, one a line."""
        return [json.loads(line) for line in self.run(*args, "--json", **options).splitlines()]

    # Headquarters

    def init(self):
        address = self.address.rpartition(":")
        self.run("init", self.dir, "--fleet", self.fleet, "--hq-address", self.address,
                 "--operator", self.operator, "--clerk", self.clerks[0], "--clerk", self.clerks[1],
                 "--listen", f"{address[0]}:{address[2]}", "--est-listen", self.est_listen,
                 passphrases=[*ROOTS, *(self.passphrases[name] for name in self.clerks[:2])])
        return self

    def start(self):
        self.cad.start()
        self.hqd.start()
        return self

    def stop(self):
        status, seconds = self.hqd.stop()
        self.cad.stop()
        return status, seconds

    @property
    def port(self):
        return int((self.dir / "run/hqd.port").read_text())

    @property
    def est_port(self):
        return int((self.dir / "run/hqd-est.port").read_text())

    def keep_port(self):
        """The port hqd has now is the one it will have after a restart."""
        path = self.dir / "hqd.yaml"
        path.write_text(path.read_text().replace('listen: "127.0.0.1:0"', f'listen: "127.0.0.1:{self.port}"', 1))

    # The commands

    def clerk_key(self, name):
        return self.dir / f"clerks/{name}.key.pem"

    def import_entries(self, entries, *more, out=None, **options):
        """A draft file of the entries."""
        self.count += 1
        source = write_csv(self.folder / f"list-{self.count}.csv", entries)
        out = out or self.folder / f"list-{self.count}.json"
        self.run("wanted", "import", source, "--out", out, *more, *self.online, **options)
        return out

    def sign(self, path, clerk, out=None):
        self.run("wanted", "sign", path, "--key", self.clerk_key(clerk), "--dir", self.dir,
                 *(["--out", out] if out else []), passphrases=[self.passphrases[clerk]])
        return out or path

    def publish_file(self, path):
        return self.json("wanted", "publish", path, *self.online)[0]

    def publish(self, entries, clerks=None):
        """Imports, has every clerk sign, publishes; hqd's answer {"revision","hash"}."""
        path = self.import_entries(entries, "--confirm-mass")
        for clerk in clerks or self.clerks[:2]:
            self.sign(path, clerk)
        return self.publish_file(path)

    def withdraw(self, *what, clerk=None):
        self.count += 1
        path = self.folder / f"withdraw-{self.count}.json"
        self.run("wanted", "withdraw", *what, "--out", path, *self.online)
        self.sign(path, clerk or self.clerks[0])
        return self.publish_file(path)

    def draft_policy(self, *options):
        """A draft of the match policy behind the one in force."""
        self.count += 1
        path = self.folder / f"policy-{self.count}.json"
        self.run("match", "policy", "draft", "--out", path, *options, *self.online)
        return path

    def sign_policy(self, path, clerk):
        self.run("match", "policy", "sign", path, "--key", self.clerk_key(clerk), "--dir", self.dir,
                 passphrases=[self.passphrases[clerk]])
        return path

    def publish_policy(self, *options):
        """Drafts, has both clerks sign, publishes; the version."""
        path = self.draft_policy(*options)
        for clerk in self.clerks[:2]:
            self.sign_policy(path, clerk)
        return self.json("match", "policy", "publish", path, *self.online)[0]["version"]

    def draft_exempt(self, vehicles=None, *options):
        """A draft of the exempt list behind the one in force; `vehicles` are dicts of the CSV's columns."""
        self.count += 1
        path = self.folder / f"exempt-{self.count}.json"
        source = []
        if vehicles is not None:
            source = [write_csv(self.folder / f"exempt-{self.count}.csv", vehicles, EXEMPT_COLUMNS)]
        self.run("exempt", "draft", *source, "--out", path, *options, *self.online)
        return path

    def sign_exempt(self, path, clerk):
        self.run("exempt", "sign", path, "--key", self.clerk_key(clerk), "--dir", self.dir,
                 passphrases=[self.passphrases[clerk]])
        return path

    def publish_exempt_file(self, path):
        """Has both clerks sign a draft and publishes it; the revision."""
        for clerk in self.clerks[:2]:
            self.sign_exempt(path, clerk)
        return self.json("exempt", "publish", path, *self.online)[0]["revision"]

    def publish_retention(self, *options):
        """Drafts retention terms with the holds in force, has both clerks sign, publishes; the version."""
        self.count += 1
        path = self.folder / f"retention-{self.count}.json"
        self.run("retention", "draft", "--out", path, *options, *self.online)
        for clerk in self.clerks[:2]:
            self.run("retention", "sign", path, "--key", self.clerk_key(clerk), "--dir", self.dir,
                     passphrases=[self.passphrases[clerk]])
        return self.json("retention", "publish", path, *self.online)[0]["version"]

    def entries(self):
        return [row["entry"] for row in self.json("wanted", "list", *self.online)]

    def enroll(self, checkpoint, name=None, minutes=60, fingerprint=None):
        """{"checkpoint","token","expires","est_url"}"""
        return self.json("enroll", checkpoint, "--name", name or checkpoint, "--minutes", minutes,
                         *(["--fingerprint", fingerprint] if fingerprint else []), *self.online)[0]

    def hits(self, after=0, checkpoint=None):
        return self.json("hits", "--after", after, *(["--checkpoint", checkpoint] if checkpoint else []),
                         *self.online)

    def follow(self, after=0):
        """A running 'hits --follow --json'; read .stdout line by line, then terminate() and wait()."""
        return subprocess.Popen(self.argv("hits", "--follow", "--json", "--after", after, *self.online),
                                env={**SANITIZER_OPTIONS, **os.environ}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def checkpoints(self):
        return self.json("checkpoints", *self.online)

    def audit(self, checkpoint=None):
        """hqd's report; also when it found faults."""
        result = self.try_run("audit", "verify", *([checkpoint] if checkpoint else []), "--json", *self.online)
        return json.loads(result.stdout)


class PemPair:
    def __init__(self, pem, key_path):
        self.pem, self.key_path = pem, key_path


class BoxPki:
    """What Peer needs of a PKI: the root that the server must chain to."""

    def __init__(self, root):
        self.servers = PemPair(root, None)


def enrolled(hq, checkpoint):
    """A box that got its certificate with stock curl and openssl against hqctl's token."""
    folder = hq.folder / checkpoint
    folder.mkdir()
    key, csr, answer, pem = (folder / n for n in ("key.pem", "csr.b64", "answer.b64", "cert.pem"))
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key],
                   check=True, capture_output=True)
    der = subprocess.run(["openssl", "req", "-new", "-key", key, "-subj", f"/CN={checkpoint}", "-outform", "DER"],
                         check=True, capture_output=True).stdout
    csr.write_bytes(base64.b64encode(der))
    public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], check=True,
                            capture_output=True).stdout
    token = hq.enroll(checkpoint, fingerprint=f"sha256:{hashlib.sha256(public).hexdigest()}")["token"]
    url = f"https://127.0.0.1:{hq.est_port}/.well-known/est"
    curl = ["curl", "-sS", "--fail", "--noproxy", "*", "--cacert", hq.box / "uplinkd" / "hq-root.pem"]
    subprocess.run([*curl, "-u", f"{checkpoint}:{token}", "-H", "Content-Type: application/pkcs10",
                    "-H", "Content-Transfer-Encoding: base64", "--data-binary", f"@{csr}", "-o", answer,
                    f"{url}/simpleenroll"], check=True)
    p7 = base64.b64decode(answer.read_bytes())
    certificates = subprocess.run(["openssl", "pkcs7", "-inform", "DER", "-print_certs"], input=p7, check=True,
                                  capture_output=True).stdout
    pem.write_bytes(certificates)
    subprocess.run(["openssl", "verify", "-CAfile", hq.box / "uplinkd" / "box-root.pem", "-untrusted", pem, pem],
                   check=True, capture_output=True)
    return Peer(hq.port, BoxPki(hq.box / "uplinkd" / "hq-root.pem"), PemPair(pem, key))
