"""MySQL's dialect, from answers in the forms that its documentation gives (8.4's SHOW REPLICA STATUS, 5.7's SHOW SLAVE STATUS)."""

import pytest

from exporter.core.model import Facts, Reason, Role
from exporter.core.position import GtidSet, LogPosition
from exporter.probes.kind import Ask, Failure
from exporter.probes.mysql_facts import Channel, Seen
from exporter.probes.mysql_role import RoleMemory
from exporter.probes.mysql_sql import dialect_of, literal, markers, quoted
from tests.hostile import serve
from tests.probes.looking import probe
from tests.probes.mysql_server import Recorded, server

SOURCE = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
REPLICA = "24bc7850-2c16-11e6-a073-0242ac110002"
VARIABLES = ("identity", "read_only", "innodb_read_only", "logs", "gtid_mode", "applied")
NO_CHANNEL: Recorded = ((), ())
LOGS = ("File", "Position", "Binlog_Do_DB", "Binlog_Ignore_DB", "Executed_Gtid_Set")

STATUS_8_4 = {
    "Replica_IO_State": "Waiting for source to send event",
    "Source_Host": "10.1.0.5",
    "Source_User": "repl",
    "Source_Port": "3306",
    "Connect_Retry": "60",
    "Source_Log_File": "binlog.000012",
    "Read_Source_Log_Pos": "900",
    "Relay_Log_File": "relay-bin.000003",
    "Relay_Log_Pos": "367",
    "Relay_Source_Log_File": "binlog.000012",
    "Replica_IO_Running": "Yes",
    "Replica_SQL_Running": "Yes",
    "Replicate_Do_DB": "",
    "Last_Errno": "0",
    "Exec_Source_Log_Pos": "600",
    "Seconds_Behind_Source": "0",
    "Last_IO_Errno": "0",
    "Last_SQL_Errno": "0",
    "Source_Server_Id": "1",
    "Source_UUID": SOURCE,
    "Retrieved_Gtid_Set": f"{SOURCE}:6-9",
    "Executed_Gtid_Set": f"{SOURCE}:1-7",
    "Auto_Position": "1",
    "Channel_Name": "",
}
STATUS_5_7 = {
    name.replace("Source", "Master").replace("Replica_", "Slave_"): value for name, value in STATUS_8_4.items()
}


def answer(
    status: dict[str, str] | None, *, identity: str, read_only: str = "0", gtid_mode: str = "ON", applied: str = ""
) -> list[Recorded]:
    """What a server says to a look."""
    channel: Recorded = (tuple(status), [tuple(status.values())]) if status else (tuple(STATUS_8_4), [])
    return [
        (VARIABLES, [(identity, read_only, "0", "1", gtid_mode, applied)]),
        channel,
        (LOGS, [("binlog.000012", "900", "", "", applied)]),
    ]


async def seen(recorded: list[Recorded], version: str = "8.4.3") -> Facts:
    async with serve(server(recorded, version=version)) as listening:
        return (await probe("mysql", dsn=f"mysql://dr_probe@127.0.0.1:{listening.port}").look(Ask(fresh=True))).facts


async def test_a_primary_with_gtids() -> None:
    """Its epoch is its uuid, its position what it has executed."""
    told = await seen(answer(None, identity=SOURCE, applied=f"{SOURCE}:1-9,\n{REPLICA}:1"))
    assert (told.role, told.writable, told.epoch) == (Role.PRIMARY, True, SOURCE)
    assert told.position == GtidSet.parse(f"{SOURCE}:1-9,{REPLICA}:1")


@pytest.mark.parametrize(
    ("status", "version"), [(STATUS_8_4, "8.4.3"), (STATUS_8_4, "8.0.36"), (STATUS_5_7, "5.7.44-log")]
)
async def test_a_replica_with_gtids(status: dict[str, str], version: str) -> None:
    """By the new names and the old: what it executed counts, what it retrieved is backlog, its epoch is its source's uuid."""
    told = await seen(answer(status, identity=REPLICA, read_only="1", applied=f"{SOURCE}:1-7"), version)
    assert (told.role, told.writable, told.epoch, told.connected) == (Role.STANDBY, False, SOURCE, True)
    assert told.position == told.applied == GtidSet.parse(f"{SOURCE}:1-7")
    assert told.received == GtidSet.parse(f"{SOURCE}:1-9")


async def test_without_gtids_places_in_the_log_count() -> None:
    """The replica names them as its source does, so both can be compared."""
    replica = await seen(answer(STATUS_8_4, identity=REPLICA, read_only="1", gtid_mode="OFF"))
    assert replica.position == replica.applied == LogPosition("binlog.000012", 600)
    assert replica.received == LogPosition("binlog.000012", 900)
    source = await seen(answer(None, identity=SOURCE, gtid_mode="OFF"))
    assert (source.position, source.epoch) == (LogPosition("binlog.000012", 900), replica.epoch)


async def test_two_channels_without_gtids_prove_nothing() -> None:
    """Places in the logs of two sources cannot be told as one."""
    recorded = answer(STATUS_8_4, identity=REPLICA, read_only="1", gtid_mode="OFF")
    columns, rows = recorded[1]
    recorded[1] = (columns, [*rows, *rows])
    told = await seen(recorded)
    assert (told.role, told.position, told.epoch) == (Role.STANDBY, None, None)


async def test_a_stopped_thread_has_a_sentence() -> None:
    """With the number of the error; its text may hold the values of users' rows."""
    status = STATUS_8_4 | {
        "Replica_SQL_Running": "No",
        "Last_SQL_Errno": "1062",
        "Last_SQL_Error": "Duplicate 'secret'",
    }
    async with serve(server(answer(status, identity=REPLICA, read_only="1"))) as listening:
        look = await probe("mysql", dsn=f"mysql://dr_probe@127.0.0.1:{listening.port}").look(Ask(fresh=True))
    assert look.detail == "replication: IO thread Yes, SQL thread No, error 1062"
    assert look.facts.connected is False


@pytest.mark.parametrize("recorded", [[], [NO_CHANNEL], [(VARIABLES, [])], [(("x",), [("1",)])] * 3])
async def test_an_answer_to_something_else_is_no_answer(recorded: list[Recorded]) -> None:
    """A server that speaks the protocol and tells other things."""
    with pytest.raises(Failure) as failed:
        await seen(recorded)
    assert failed.value.reason is Reason.PROTOCOL


def channel(threads: str) -> Channel:
    return Channel("", threads, threads, SOURCE, None, None, None, "0")


def role_after(*looks: tuple[str, bool]) -> Role:
    """The role that the last of these answers gives: threads (empty: no channel), and whether writes are taken."""
    memory = RoleMemory()
    roles = [
        memory.role(Seen(REPLICA, writable, (channel(threads),) if threads else (), None, None, None))
        for threads, writable in looks
    ]
    return roles[-1]


@pytest.mark.parametrize(
    ("looks", "role"),
    [
        ([("Yes", False)], Role.STANDBY),
        ([("Yes", True)], Role.STANDBY),
        ([("Connecting", True)], Role.STANDBY),
        ([("No", False)], Role.STANDBY),
        ([("No", True)], Role.PRIMARY),
        ([("Yes", False), ("No", True)], Role.PRIMARY),
        ([("Yes", True), ("No", True)], Role.STANDBY),
        ([("Yes", True), ("", True)], Role.PRIMARY),
        ([("", True)], Role.PRIMARY),
        ([("", False)], Role.UNKNOWN),
        ([("Yes", False), ("", False)], Role.PRIMARY),
        ([("Yes", False), ("", False), ("", False)], Role.PRIMARY),
        ([("Yes", False), ("", True), ("", False)], Role.UNKNOWN),
    ],
)
def test_the_table_of_roles(looks: list[tuple[str, bool]], role: Role) -> None:
    """Each row of it: promotions are told from fences, and a stopped replication from both."""
    assert role_after(*looks) is role


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("8.4.3", "SHOW BINARY LOG STATUS"),
        ("9.1.0-commercial", "SHOW BINARY LOG STATUS"),
        ("8.0.36-0ubuntu0.22.04.1", "SHOW REPLICA STATUS;\nSHOW MASTER STATUS"),
        ("8.0.21", "SHOW SLAVE STATUS;\nSHOW MASTER STATUS"),
        ("5.7.44-log", "SHOW SLAVE STATUS;\nSHOW MASTER STATUS"),
        ("5.5.5-10.11.6-MariaDB-1:10.11.6+maria~deb12", "SHOW ALL SLAVES STATUS"),
        ("11.4.2-MariaDB", "SHOW ALL SLAVES STATUS"),
    ],
)
def test_each_version_is_asked_in_its_words(version: str, says: str) -> None:
    """Both servers rename their statements, and drop the old names."""
    assert says in dialect_of(version).look


def test_whatever_stands_in_a_name_is_quoted() -> None:
    """Names and vantages are data, whatever sql_mode the server has."""
    assert quoted("rto`rpo.canary") == "`rto``rpo`.`canary`"
    assert literal("a'\\b") == "_utf8mb4 x'61275c62'"
    assert "'61'" in markers("t", "a", 3)
