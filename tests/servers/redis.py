"""Real Redis servers of our own on loopback, alone, in pairs and under Sentinels, that can be killed, frozen and promoted."""

import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.postgres import PASSWORD
from tests.servers.processes import family, wait_stopped
from tests.servers.proxy import Proxy
from tests.servers.wait import free_port, until

ROLES = Path(__file__).parents[2] / "deploy" / "database-roles"
EVERYTHING = "user default on nopass ~* &* +@all\n"
CONFIGURATION = """
bind 127.0.0.1
save ""
appendonly yes
repl-diskless-sync yes
repl-diskless-sync-delay 0
enable-debug-command local
"""
MASTER = "chat"
"""The name under which the Sentinels watch the primary."""


def redis_missing() -> str:
    """Why the rig cannot run here; empty when it can."""
    return "" if shutil.which("redis-server") else "Redis's server is missing: apt-get install redis-server"


class RedisProcess:
    """A redis-server of our own, or a Sentinel, which is the same program. Its user dr_probe has the shipped rights."""

    roles = "redis.acl"
    arguments: tuple[str, ...] = ()

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self.port = free_port()
        self.folder = root / name
        self.folder.mkdir()
        self.log = root / f"{name}.log"
        self.config = self.folder / "redis.conf"
        self._process: subprocess.Popen[bytes] | None = None
        rights = self.folder / "users.acl"
        rights.write_text(EVERYTHING + (ROLES / self.roles).read_text().replace(" on ", f" on >{PASSWORD} "))
        self.config.write_text(f"port {self.port}\ndir {self.folder}\naclfile {rights}\n")

    def start(self, *options: str, wait: bool = True) -> None:
        """Start it; with `wait` return when it answers."""
        assert self._process is None, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["redis-server", str(self.config), *self.arguments, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if wait:
            until(self._is_ready, f"{self.name} answers; see {self.log}")

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self.name} did not start: {self.log.read_text()[-1000:]}"
        return self.cli("PING") == "PONG"

    def cli(self, *command: str) -> str:
        """What redis-cli prints for it, as the user who may do everything."""
        done = subprocess.run(
            ["redis-cli", "-p", str(self.port), *command], capture_output=True, text=True, timeout=30, check=False
        )
        return done.stdout.strip()

    def info(self, section: str = "replication") -> dict[str, str]:
        lines = self.cli("INFO", section).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def kill(self) -> float:
        """SIGKILL. Returns the instant (CLOCK_MONOTONIC) just before."""
        assert self._process is not None, f"{self.name} does not run"
        at = time.monotonic()
        self._process.kill()
        return at

    def wait_gone(self) -> None:
        """After `kill`: until it has ended."""
        assert self._process is not None
        self._process.wait(30)
        self._process = None

    def stop(self) -> None:
        """Shut down in good order."""
        assert self._process is not None, f"{self.name} does not run"
        self._process.send_signal(signal.SIGTERM)
        self.wait_gone()

    def freeze(self) -> float:
        """SIGSTOP. Returns the instant just before."""
        assert self._process is not None, f"{self.name} does not run"
        at = time.monotonic()
        self._process.send_signal(signal.SIGSTOP)
        wait_stopped(family(self._process.pid))
        return at

    def thaw(self) -> None:
        assert self._process is not None, f"{self.name} does not run"
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it, whatever state it is in."""
        if self._process is not None:
            self._process.kill()
            self.wait_gone()


class RedisServer(RedisProcess):
    """Keeps what it acknowledged over a SIGKILL, in its append-only file."""

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name, root)
        with self.config.open("a") as config:
            config.write(CONFIGURATION)

    def url(self, port: int | None = None) -> str:
        """`port`: of a proxy before it."""
        return f"redis://dr_probe@127.0.0.1:{port or self.port}/0"

    def follow(self, port: int) -> None:
        """Make it a replica of whoever listens behind `port`."""
        self.cli("REPLICAOF", "127.0.0.1", str(port))

    def promote(self) -> None:
        """A replica becomes a primary, at once."""
        assert self.cli("REPLICAOF", "NO", "ONE") == "OK"

    def configure(self, **settings: str) -> None:
        for name, value in settings.items():
            assert self.cli("CONFIG", "SET", name.replace("_", "-"), value) == "OK", name

    def disconnect(self, user: str) -> None:
        """End all connections of this user."""
        self.cli("CLIENT", "KILL", "USER", user)

    def written(self) -> set[int]:
        """What of the independent writer is here."""
        return {int(line) for line in self.cli("SMEMBERS", "truth").split()}

    def markers(self, vantage: str) -> set[int]:
        """The numbers of the canary markers that are here."""
        listed = self.cli("XRANGE", f"rto_rpo:canary:{vantage}", "-", "+").splitlines()
        return {int(line.removesuffix("-0")) for line in listed if line.endswith("-0")}


class Sentinel(RedisProcess):
    """Watches whoever listens behind `port`, as MASTER; two of three have to agree that it is down."""

    roles = "redis-sentinel.acl"
    arguments = ("--sentinel",)

    def __init__(self, name: str, root: Path, port: int, down_after: float) -> None:
        super().__init__(name, root)
        with self.config.open("a") as config:
            config.write(
                f"bind 127.0.0.1\nsentinel monitor {MASTER} 127.0.0.1 {port} 2\n"
                f"sentinel down-after-milliseconds {MASTER} {down_after * 1000:.0f}\nsentinel failover-timeout {MASTER} 6000\n"
            )

    def master(self) -> int:
        """The port that it names."""
        return int(self.cli("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER).splitlines()[-1])

    def knows(self) -> tuple[int, int]:
        """How many replicas and how many other Sentinels it has found."""
        lines = self.cli("SENTINEL", "MASTER", MASTER).splitlines()
        told = dict(zip(lines[::2], lines[1::2], strict=False))
        return int(told["num-slaves"]), int(told["num-other-sentinels"])


class RedisPair:
    """Two servers `a` (primary at first) and `b`; the replication passes through a proxy that can be cut."""

    def __init__(self) -> None:
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self.root = Path(tempfile.mkdtemp(prefix="drredis-", dir="/tmp"))
            undo.callback(shutil.rmtree, self.root, ignore_errors=True)
            self.a, self.b = RedisServer("a", self.root), RedisServer("b", self.root)
            self.primary, self.standby = self.a, self.b
            self.link = undo.enter_context(Proxy(self.a.port))
            for server in (self.a, self.b):
                undo.callback(server.close)
                server.start()
            self.b.follow(self.link.port)
            self.wait_streaming()
            self._closing = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def wait_streaming(self) -> None:
        """Until the standby streams and has all that the primary has written so far."""

        def streams() -> bool:
            ahead = self.primary.info()
            behind = self.standby.info()
            return (
                "state=online" in ahead.get("slave0", "")
                and behind.get("master_link_status") == "up"
                and behind["master_replid"] == ahead["master_replid"]
                and int(behind["slave_repl_offset"]) >= int(ahead["master_repl_offset"])
            )

        until(streams, "the standby streams")

    def kill(self) -> float:
        """SIGKILL the primary; returns the instant (CLOCK_MONOTONIC) just before."""
        return self.primary.kill()

    def promote(self) -> RedisServer:
        """The standby becomes the primary; returns it. What the old primary does is not touched."""
        self.standby.promote()
        return self.swap()

    def swap(self) -> RedisServer:
        """Somebody else has promoted the standby."""
        self.primary, self.standby = self.standby, self.primary
        return self.primary

    def start_again(self) -> None:
        """The server that was killed starts as what it was: after a promotion that is a second primary."""
        self.standby.close()
        self.standby.start()

    def reclone(self) -> None:
        """Make the old primary a standby of the new one, whose data it takes over."""
        self.standby.close()
        self.link.target = self.primary.port
        self.standby.start("--replicaof", "127.0.0.1", str(self.link.port), wait=False)
        self.wait_streaming()


class Sentinels:
    """Three Sentinels that watch a pair's primary through the proxy, as its standby does: who is cut off is failed over."""

    def __init__(self, pair: RedisPair, down_after: float = 0.5) -> None:
        """`down_after`: seconds of silence after which a Sentinel calls the primary down."""
        self._pair = pair
        self._down_after = down_after
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self.all = [
                Sentinel(f"sentinel{number}", self._pair.root, self._pair.link.port, self._down_after)
                for number in range(3)
            ]
            for sentinel in self.all:
                undo.callback(sentinel.close)
                sentinel.start()
            until(lambda: all(one.knows() == (1, 2) for one in self.all), "the Sentinels know each other", step=0.1)
            self._closing = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    @property
    def addresses(self) -> list[str]:
        return [f"127.0.0.1:{sentinel.port}" for sentinel in self.all]

    def wait_failover(self) -> RedisServer:
        """Until they have promoted the standby, and all that live name it."""
        port = self._pair.standby.port
        until(lambda: all(one.master() == port for one in self.all if one.is_running), "the Sentinels name it", 30)
        return self._pair.swap()
