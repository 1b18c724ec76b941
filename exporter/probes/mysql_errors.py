"""What MySQL and MariaDB say when something is wrong, as one reason of the closed list."""

from exporter.core.model import Reason
from exporter.probes.attempt import DETAIL_LIMIT
from exporter.probes.kind import Failure
from exporter.probes.mysql_packet import Refusal

NO_TABLE = frozenset({1044, 1049, 1102, 1142, 1146})
"""Of a statement that reads the canary: it is not there, or not for us."""
DUPLICATE = 1062
"""Of a statement that writes a marker: its number is there already."""

_BY_CODE = {
    1040: Reason.UNAVAILABLE,  # too many connections
    1043: Reason.PROTOCOL,  # bad handshake
    1044: Reason.PERMISSION,  # no right on the database; said of one that does not exist, too
    1045: Reason.AUTH,
    1047: Reason.UNAVAILABLE,  # a Galera node that is not ready
    # The server answers well, but it is not the one that was expected: without the database it cannot be the system's.
    1049: Reason.ASSERTION,
    1053: Reason.UNAVAILABLE,  # shutting down
    1079: Reason.UNAVAILABLE,  # shutting down
    1130: Reason.AUTH,  # this host may not connect
    1142: Reason.PERMISSION,
    1143: Reason.PERMISSION,
    1203: Reason.UNAVAILABLE,  # too many connections of this user
    1205: Reason.TIMEOUT,  # our own lock_wait_timeout
    1226: Reason.UNAVAILABLE,  # a limit of the account
    1227: Reason.PERMISSION,
    1290: Reason.READ_ONLY,  # read_only, super_read_only
    1698: Reason.AUTH,
    1792: Reason.READ_ONLY,  # a read-only transaction
    1820: Reason.AUTH,  # the password has to be changed
    1836: Reason.READ_ONLY,
    1862: Reason.AUTH,  # the password has expired
    1874: Reason.READ_ONLY,  # innodb_read_only
    1927: Reason.UNAVAILABLE,  # MariaDB ended our connection: it shuts down, or somebody ordered it
    1969: Reason.TIMEOUT,  # our own max_statement_time (MariaDB)
    3024: Reason.TIMEOUT,  # our own max_execution_time (MySQL)
    3032: Reason.UNAVAILABLE,  # offline_mode
    3118: Reason.AUTH,  # the account is locked (MySQL)
    3159: Reason.TLS,  # require_secure_transport
    4151: Reason.AUTH,  # the account is locked (MariaDB)
}


def refused(refusal: Refusal) -> Failure:
    """The reason behind an error packet. The detail is the server's own sentence with its number; it holds no password."""
    text = " ".join(refusal.text.split())
    detail = f"{text} (error {refusal.code})"[:DETAIL_LIMIT]
    return Failure(_BY_CODE.get(refusal.code, Reason.ERROR_CODE), detail)
