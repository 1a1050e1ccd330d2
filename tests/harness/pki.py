"""A throw-away PKI: roots by role, certificates for boxes, operators and HQ servers, good and bad ones."""
import datetime
import ipaddress
import os
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def now():
    return datetime.datetime.utcnow()


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def write_key(path, key):
    """PKCS#8 without passphrase, mode 0600."""
    data = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())
    path = pathlib.Path(path)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
    return path


class Pair:
    """A certificate with its key, saved as <stem>.pem and <stem>.key."""

    def __init__(self, folder, stem, key, certificate):
        self.key, self.certificate = key, certificate
        self.pem = pathlib.Path(folder) / f"{stem}.pem"
        self.key_path = write_key(pathlib.Path(folder) / f"{stem}.key", key)
        self.pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


class Root(Pair):
    """A self-signed root that issues end certificates."""

    def __init__(self, folder, stem, name=None):
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(name or stem)
        certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now() - DAY).not_valid_after(now() + 3650 * DAY)
            .add_extension(x509.BasicConstraints(True, 0), critical=True)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256()))
        super().__init__(folder, stem, key, certificate)
        self.folder = pathlib.Path(folder)

    def issue(self, stem, urn, *, start=None, end=None, server=False, hosts=("127.0.0.1", "localhost")):
        """A certificate for `urn`; `start`/`end` are naive UTC datetimes."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.UniformResourceIdentifier(urn)] if urn else []
        if server:
            for host in hosts:
                try:
                    names.append(x509.IPAddress(ipaddress.ip_address(host)))
                except ValueError:
                    names.append(x509.DNSName(host))
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            x509.CertificateBuilder().subject_name(_name(stem)).issuer_name(self.certificate.subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(start or now() - DAY / 24).not_valid_after(end or now() + 30 * DAY)
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return Pair(self.folder, stem, key, builder.sign(self.key, hashes.SHA256()))


class Pki:
    """Three separate roots (boxes, operators, HQ servers) and one HQ server certificate."""

    def __init__(self, folder, fleet="testfleet"):
        self.folder, self.fleet = pathlib.Path(folder), fleet
        self.folder.mkdir(parents=True, exist_ok=True)
        self.boxes = Root(self.folder, "boxes-ca")
        self.operators = Root(self.folder, "operators-ca")
        self.servers = Root(self.folder, "servers-ca")
        self.server = self.servers.issue("hqd", f"urn:checkpoint-hq:{fleet}", server=True)

    def box(self, checkpoint, stem=None, **options):
        return self.boxes.issue(stem or checkpoint, f"urn:checkpoint:{checkpoint}", **options)

    def operator(self, name):
        return self.operators.issue(f"operator-{name}", f"urn:checkpoint-operator:{self.fleet}:{name}")
