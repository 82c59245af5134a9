"""Certificates of an authority of the tests' own, made by the `openssl` program."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

KIND = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]


class Certificate(NamedTuple):
    file: Path
    key: Path


class Authority:
    """Signs what it is asked to; keeps its files in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.file = folder / "ca.pem"
        """What a client has to know to trust it."""
        self._key = folder / "ca.key"
        # Python asks for the second from 3.13 on.
        subject = ["-subj", f"/CN={folder.name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        _openssl("req", "-x509", *KIND, "-nodes", "-keyout", self._key, "-out", self.file, *subject)

    def issue(self, name: str, *, days: int = 2, password: str | None = None) -> Certificate:
        """A certificate for a host (an IP address too), or for a user; ``days=-1``: it has expired."""
        stem = name if days > 0 else f"{name}-expired"
        signed = Certificate(self.folder / f"{stem}.pem", self.folder / f"{stem}.key")
        request = self.folder / f"{stem}.csr"
        kind = "IP" if name.replace(".", "").isdigit() else "DNS"
        lock = ["-nodes"] if password is None else ["-passout", f"pass:{password}"]
        subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName={kind}:{name}"]
        _openssl("req", *KIND, *lock, "-keyout", signed.key, "-out", request, *subject)
        authority = ["-CA", self.file, "-CAkey", self._key, "-CAcreateserial", "-days", days]
        _openssl("x509", "-req", "-in", request, *authority, "-copy_extensions", "copy", "-out", signed.file)
        signed.key.chmod(0o600)
        return signed

    def revoke(self, *certificates: Certificate) -> Path:
        """The file that says that these, and no others, do not count any more."""
        index, config, revoked = (self.folder / name for name in ("index.txt", "ca.cnf", "revoked.crl"))
        index.write_text("")
        config.write_text(f"[ca]\ndefault_ca = own\n[own]\ndatabase = {index}\ndefault_md = sha256\n")
        signing = ["-config", config, "-cert", self.file, "-keyfile", self._key]
        for certificate in certificates:
            _openssl("ca", *signing, "-revoke", certificate.file)
        _openssl("ca", *signing, "-gencrl", "-crldays", 2, "-out", revoked)
        return revoked

    def self_signed(self, name: str) -> Certificate:
        """A certificate that only its owner vouches for."""
        signed = Certificate(self.folder / f"self-{name}.pem", self.folder / f"self-{name}.key")
        subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
        _openssl("req", "-x509", *KIND, "-nodes", "-keyout", signed.key, "-out", signed.file, *subject)
        return signed


class ServerCertificates(NamedTuple):
    """For a server on ``localhost``: one to be accepted by who trusts ``authority``, and three to be refused."""

    authority: Path
    good: Certificate
    wrong_host: Certificate
    expired: Certificate
    self_signed: Certificate

    @classmethod
    def made_in(cls, folder: Path) -> ServerCertificates:
        ours = Authority(folder / "ours")
        return cls(
            authority=ours.file,
            good=ours.issue("localhost"),
            wrong_host=ours.issue("elsewhere.example"),
            expired=ours.issue("localhost", days=-1),
            self_signed=ours.self_signed("localhost"),
        )


def _openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
