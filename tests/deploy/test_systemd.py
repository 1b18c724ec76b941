"""The unit: right for systemd, and with little power left if the exporter were taken over."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "deploy/systemd/rto-rpo-exporter.service"
INSTALLED = "/opt/rto-rpo-exporter/bin/rto-rpo-exporter"
EXPOSURE_MOST = 1.2
pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is missing: apt-get install systemd"
)


def analysed(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What systemd-analyze says of the unit, with the path of this installation in it."""
    program = Path(sys.executable).parent / "rto-rpo-exporter"
    text = UNIT.read_text(encoding="utf-8")
    assert f"ExecStart={INSTALLED} serve" in text
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace(INSTALLED, str(program)), encoding="utf-8")
    command = ["systemd-analyze", *arguments, str(copy)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_it_verifies(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say."""
    checked = analysed(tmp_path, "verify", "--man=no")
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_it_is_hardened(tmp_path: Path) -> None:
    """`systemd-analyze security` finds little exposure: what is left are the network, /proc/stat, and its own directory."""
    checked = analysed(tmp_path, "security", "--offline=yes", "--no-pager", f"--threshold={EXPOSURE_MOST * 10:.0f}")
    assert checked.returncode == 0, checked.stdout


def test_what_it_may_not_see_is_not_needed() -> None:
    """/proc/stat stays visible: without it process_start_time_seconds would be wrong instead of missing."""
    assert "\nProcSubset=" not in UNIT.read_text(encoding="utf-8")


def test_its_user_is_made() -> None:
    """The sysusers file makes the user that the unit runs as."""
    user = UNIT.with_suffix(".sysusers").read_text(encoding="utf-8").split()[1]
    assert f"User={user}\n" in UNIT.read_text(encoding="utf-8")
