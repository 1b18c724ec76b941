"""Installs the servers that the tests break, or names those that are missing.

As root on Debian they are installed from its packages, without starting any service. Otherwise each missing one is named,
with what will be skipped; with CI=true a missing one is an error.
"""

import os
import shutil
import subprocess
import sys
from ctypes.util import find_library
from pathlib import Path

NEEDED = {
    "postgresql-15": ("/usr/lib/postgresql/15/bin/postgres", "failovers of a real PostgreSQL pair"),
    "mariadb-server": ("mariadbd", "failovers of a real MariaDB pair"),
    "redis-server": ("redis-server", "failovers of real Redis servers and Sentinels"),
    "pgbackrest": ("pgbackrest", "backups by pgBackRest itself"),
    "restic": ("restic", "backups by restic itself"),
    "prometheus": ("promtool", "checks of metrics with promtool, and the benchmarks"),
    "prometheus-alertmanager": ("prometheus-alertmanager", "pages through a real Alertmanager, and checks with amtool"),
    "systemd": ("systemd-analyze", "checks of the service unit"),
    "prometheus-blackbox-exporter": ("prometheus-blackbox-exporter", "the benchmarks"),
    "prometheus-postgres-exporter": ("prometheus-postgres-exporter", "the benchmarks"),
    "prometheus-redis-exporter": ("prometheus-redis-exporter", "the benchmarks"),
    "chromium": ("chromium", "tests of the page in a browser"),
    "dnsmasq-base": ("/usr/sbin/dnsmasq", "tests of names at a real name server"),
    "faketime": ("faketime", "a standby whose clock is wrong"),
    "openssl": ("openssl", "tests with certificates"),
    "libpangoft2-1.0-0": ("libpangoft2-1.0.so.0", "reports as PDF"),
}
"""Package -> (program or library, what is skipped without it)."""


def missing() -> list[str]:
    return [name for name, (wanted, _) in NEEDED.items() if not _is_there(wanted)]


def _is_there(wanted: str) -> bool:
    if ".so" in wanted:
        return find_library(wanted.removeprefix("lib").partition(".so")[0]) is not None
    return Path(wanted).exists() or shutil.which(wanted) is not None


def install(packages: list[str]) -> None:
    # RUNLEVEL=1 keeps the packages from starting their services: the tests start their own, on free ports.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", *command], env=environment, check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    lacking = missing()
    if lacking and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"installing {', '.join(lacking)}", flush=True)
        install(lacking)
        lacking = missing()
    for name in lacking:
        print(f"{name} is not installed, so this is skipped: {NEEDED[name][1]}")
    if lacking:
        print(f"to have it all: apt-get install {' '.join(lacking)}")
    return 1 if lacking and os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main())
