"""A real PostgreSQL streaming pair for `demo --postgres`, made anew each time and thrown away afterwards."""

import asyncio
import os
import secrets
import shutil
import signal
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from exporter.core.interval import Interval
from exporter.demo.pair import AWAY, HOME, START_WITHIN, Pair
from exporter.demo.process import LOOPBACK, Children, DemoError, free_ports, until

INSTALLED = Path("/usr/lib/postgresql")
ROOTS_STAND_IN = "postgres"
"""PostgreSQL refuses to run as root: root runs it as this user."""
COMMAND_WITHIN = 60.0

CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
wal_keep_size = '256MB'
max_wal_senders = 5
"""
ROLES = """
create role replicator login replication password :'replicator';
create role app login password :'app';
create role dr_probe login password :'dr_probe';
grant pg_read_all_stats to dr_probe;
create database orders owner app;
\\connect orders
create table orders (id bigint primary key);
alter table orders owner to app;
create schema rto_rpo;
create table rto_rpo.canary (
    vantage text not null, seq bigint not null, sent_at timestamptz not null, primary key (vantage, seq)
);
grant usage on schema rto_rpo to dr_probe;
grant select, insert, delete on rto_rpo.canary to dr_probe;
"""


def find_programs() -> Path:
    """The folder of PostgreSQL's newest server programs. Raises DemoError if there are none."""
    found = shutil.which("postgres")
    folders = [path.parent for path in INSTALLED.glob("*/bin/postgres")]
    if not folders and found is None:
        raise DemoError("PostgreSQL's server is not installed; on Debian: apt-get install postgresql")
    return max(folders, key=lambda folder: float(folder.parent.name)) if folders else Path(str(found)).parent


class PostgresPair(Pair):
    """Primary and standby of one cluster, the line between them slow, and a writer that finds the primary itself."""

    def __init__(self, folder: Path, children: Children, delay: float) -> None:
        super().__init__(folder, children, delay)
        if find_spec("asyncpg") is None:
            raise DemoError("asyncpg is not installed; write: pip install 'rto-rpo-exporter[postgres]'")
        self._programs = find_programs()
        self._user = ROOTS_STAND_IN if os.geteuid() == 0 else None
        home, away, self._line, self._spare = free_ports(4)
        self.ports = {HOME: home, AWAY: away}
        self._passwords = {role: secrets.token_urlsafe(16) for role in ("postgres", "replicator", "app", "dr_probe")}

    async def start(self) -> None:
        await self._make_primary()
        line = ["--port", str(self._line), "--to", str(self.ports[HOME]), "--delay", str(self.delay)]
        await self.children.start_module("line", "exporter.demo.slow_line", *line)
        await self._make_standby()
        hosts = ",".join(f"{LOOPBACK}:{port}" for port in self.ports.values())
        url = self._secret(
            "writer.url",
            f"postgresql://app:{self._passwords['app']}@{hosts}/orders?sslmode=disable&target_session_attrs=read-write",
        )
        await self.children.start_module(
            "writer", "exporter.demo.postgres_writer", "--url-file", str(url), "--ledger", str(self.ledger)
        )
        await until(self._replicates, "the standby applies orders", START_WITHIN)

    async def kill(self) -> Interval:
        """SIGKILL the postmaster and every process of it, as when a machine dies: alone, they would answer once more."""
        before = time.monotonic()
        pid = self.children.pid(HOME)
        for each in _children(pid):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        await self.children.kill(HOME)
        return Interval(before, time.monotonic())

    async def promote(self) -> None:
        await self._ask(self.ports[AWAY], "select pg_promote()")

    async def orders(self) -> Collection[int]:
        return frozenset(map(int, await self._ask(self.ports[AWAY], "select id from orders")))

    async def lost_markers(self, vantage: str) -> int | None:
        """The dead primary is started once more, where nobody looks, to tell what it had."""
        markers = f"select seq from rto_rpo.canary where vantage = '{vantage}'"  # noqa: S608 - our own vantage
        await self._serve("after death", HOME, self._spare)
        had = await self._ask(self._spare, markers)
        await self.children.stop("after death")
        return len(set(had) - set(await self._ask(self.ports[AWAY], markers)))

    def system(self) -> dict[str, Any]:
        password = self._secret("dr_probe.password", self._passwords["dr_probe"])
        return {
            "components": {"database": {"critical": True, "canary": {"every": "500ms"}}},
            "sites": {
                name: {
                    "database": {
                        "postgres": {
                            "dsn": f"postgresql://dr_probe@{LOOPBACK}:{port}/orders?sslmode=disable",
                            "password_file": str(password),
                        }
                    }
                }
                for name, port in self.ports.items()
            },
        }

    def processes(self) -> list[tuple[str, str]]:
        where = {name: f"postgresql://{LOOPBACK}:{port}/orders" for name, port in self.ports.items()}
        return [(HOME, where[HOME]), (AWAY, where[AWAY]), ("writer", "goes to whichever takes writes")]

    def hints(self) -> list[tuple[str, str]]:
        pid = self.children.pid(HOME)
        away = f"{self._programs}/pg_ctl promote -D {self._data(AWAY)}"
        return [
            (f"kill the primary at {HOME}", f"kill -9 {pid}"),
            (f"promote the standby at {AWAY}", f"runuser -u {self._user} -- {away}" if self._user else away),
            ("cut the line between the sites", f"kill {self.children.pid('line')}"),
        ]

    def _data(self, site: str) -> Path:
        return self.folder / "postgresql" / site

    def _secret(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return path

    async def _make_primary(self) -> None:
        self.folder.chmod(0o711)
        self._data(HOME).parent.mkdir()
        password = self._secret("postgres.password", self._passwords["postgres"])
        if self._user:
            for path in (self._data(HOME).parent, password):
                shutil.chown(path, self._user)
        data = self._data(HOME)
        options = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8"]
        await self._command("initdb", f"--pgdata={data}", *options, "--locale=C", "--no-sync")
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(CONFIGURATION)
        await self._serve(HOME, HOME, self.ports[HOME])
        # Through the script, not as arguments: those are seen by everybody on the machine.
        variables = [f"\\set {role} '{password}'\n" for role, password in self._passwords.items()]
        await self._psql(self.ports[HOME], "".join(variables) + ROLES, database="postgres")

    async def _make_standby(self) -> None:
        data, password = self._data(AWAY), self._passwords["replicator"]
        where = f"host={LOOPBACK} user=replicator"
        options = [
            f"--dbname={where} port={self.ports[HOME]}",
            "--checkpoint=fast",
            "--write-recovery-conf",
            "--no-sync",
        ]
        await self._command("pg_basebackup", f"--pgdata={data}", *options, environment={"PGPASSWORD": password})
        # The backup came straight; streaming takes the slow line. The last setting of a name counts.
        with (data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write(f"primary_conninfo = '{where} port={self._line} password={password}'\n")
        await self._serve(AWAY, AWAY, self.ports[AWAY])

    async def _serve(self, name: str, site: str, port: int) -> None:
        command = [str(self._programs / "postgres"), "-D", str(self._data(site)), "-p", str(port)]
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for the writer to leave.
        await self.children.start(name, command, user=self._user or "-", stop=signal.SIGINT)

        async def answers() -> bool:
            self.children.must_live()
            try:
                await self._ask(port, "select 1", database="postgres")
            except DemoError:
                return False
            return True

        await until(answers, f"PostgreSQL at {site} answers", START_WITHIN)

    async def _replicates(self) -> bool:
        self.children.must_live()
        return await self._ask(self.ports[AWAY], "select count(*) > 0 from orders") == ["t"]

    async def _ask(self, port: int, query: str, database: str = "orders") -> list[str]:
        """The lines that a query answers as superuser. Raises DemoError."""
        return (await self._psql(port, query, database=database)).split()

    async def _psql(self, port: int, script: str, *, database: str) -> str:
        where = f"--dbname=host={LOOPBACK} port={port} user=postgres dbname={database} connect_timeout=3"
        flags = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
        environment = {"PGPASSWORD": self._passwords["postgres"]}
        return await self._command("psql", *flags, where, environment=environment, script=script)

    async def _command(
        self, program: str, *arguments: str, environment: Mapping[str, str] | None = None, script: str = ""
    ) -> str:
        """Run one of PostgreSQL's programs to its end and return what it printed. Raises DemoError with its last words."""
        process = await asyncio.create_subprocess_exec(
            str(self._programs / program), *arguments, cwd="/", user=self._user,
            group=self._user, extra_groups=[] if self._user else None,
            env={**os.environ, "LC_ALL": "C", **(environment or {})},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(COMMAND_WITHIN):
                out, words = await process.communicate(script.encode())
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode != 0:
            raise DemoError(f"{program} failed: {words.decode(errors='replace').strip()[-500:]}")
        return out.decode()


def _children(pid: int) -> list[int]:
    """The processes that this one has started and that still run; none where the system does not tell."""
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except FileNotFoundError:
        return []
