"""An authority of our own, and certificates good and bad."""

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple


class Certificates(NamedTuple):
    """An authority, and what it signed: good (127.0.0.1 and localhost, 30 days), expired, wrong_host; and self_signed."""

    folder: Path

    @property
    def authority(self) -> str:
        return str(self.folder / "ca.pem")

    def file(self, name: str) -> str:
        return str(self.folder / f"{name}.pem")

    def server(self, name: str, *, client_authority: bool = False) -> ssl.SSLContext:
        """A server's context with the certificate `name`; maybe one that asks clients for theirs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.show(context, name)
        if client_authority:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.authority)
        return context

    def show(self, context: ssl.SSLContext, name: str) -> None:
        """From now on the server shows this certificate to each new client."""
        context.load_cert_chain(self.file(name), str(self.folder / "key.pem"))


def make_certificates(folder: Path) -> Certificates:
    """Made anew, with openssl."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem")
    authority = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign")
    openssl("req", "-x509", "-key", "key.pem", "-subj", "/CN=Test CA", "-days", "40", "-out", "ca.pem", *authority)
    local = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    openssl("req", "-x509", "-key", "key.pem", "-subj", "/CN=self", "-addext", local, "-out", "self_signed.pem")
    for name, names, days in (
        ("good", local, "30"),
        ("wrong_host", "subjectAltName=DNS:elsewhere.example", "30"),
        ("expired", local, "-1"),
    ):
        (folder / f"{name}.ext").write_text(names)
        openssl("req", "-new", "-key", "key.pem", "-subj", f"/CN={name}", "-out", f"{name}.csr")
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "key.pem", "-CAcreateserial"),
            *("-days", days, "-extfile", f"{name}.ext", "-out", f"{name}.pem"),
        )
    return Certificates(folder)
