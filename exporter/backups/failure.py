"""Why an inspection of backups failed, as one reason of the closed list and a sentence."""

import asyncio
import os
import ssl

import aiohttp

from exporter.core.model import Reason
from exporter.errnos import reason_of
from exporter.settings import mask

DETAIL_LIMIT = 300
"""Characters of a failure's detail."""


class BackupFailure(Exception):  # noqa: N818 - it is the field's own word, as for a look
    """An inspection that told nothing. `detail` is one masked line for people."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = mask(" ".join(detail.split()))[:DETAIL_LIMIT]
        super().__init__(f"{reason}: {self.detail}")


def network_failure(error: Exception, where: str) -> BackupFailure:
    """The reason behind what aiohttp, asyncio or a socket raised. `where` is shown, so it must not hold a secret."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return BackupFailure(Reason.DNS, f"the name of {where} is not known")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = getattr(error.certificate_error, "verify_message", "")
        return BackupFailure(Reason.TLS, f"the certificate of {where} is not accepted: {why}")
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return BackupFailure(Reason.TLS, f"the TLS handshake with {where} failed")
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError | asyncio.IncompleteReadError):
        return BackupFailure(Reason.RESET, f"{where} hung up before its answer was complete")
    if isinstance(error, TimeoutError):
        return BackupFailure(Reason.TIMEOUT, f"{where} took too long")
    if isinstance(error, OSError):
        what = os.strerror(error.errno) if error.errno else type(error).__name__
        return BackupFailure(reason_of(error.errno), f"{where}: {what}")
    return BackupFailure(Reason.PROTOCOL, f"not an answer that can be understood from {where} ({type(error).__name__})")
