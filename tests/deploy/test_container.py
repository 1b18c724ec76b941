"""The image: what a linter says of it, what it promises, and that what it copies is enough to build the exporter."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.exporter.rig import Exporter, page
from tests.hostile import answer, message, serve

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy/docker/Dockerfile"
HADOLINT = Path(sys.executable).parent / "hadolint"


def instructions() -> list[tuple[str, str]]:
    """(instruction, what follows it), with continued lines joined."""
    lines = [line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def of(instruction: str) -> list[str]:
    """What follows it, in the last stage."""
    written = instructions()
    last = max(at for at, (name, _) in enumerate(written) if name == "FROM")
    return [rest for name, rest in written[last:] if name == instruction]


def test_hadolint_finds_nothing() -> None:
    """The linter of Dockerfiles is content."""
    checked = subprocess.run(
        [HADOLINT, "--no-color", DOCKERFILE], capture_output=True, text=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_it_is_small_and_without_power() -> None:
    """A slim base, a numeric user that is not root, a place for the ledger, and nothing of the build in the last stage."""
    assert [image for image in of("FROM") if "slim" in image]
    assert of("USER") == ["65532:65532"]
    assert of("VOLUME") == ["/var/lib/rto-rpo-exporter"]
    assert not of("COPY")
    assert "PYTHONDONTWRITEBYTECODE=1" in of("ENV")[0]
    assert json.loads(of("ENTRYPOINT")[0]) == ["rto-rpo-exporter"]
    assert not re.search(r"(?i)password|token=|secret=", " ".join(rest for _, rest in instructions()))


async def test_its_health_check_tells_life_from_death(exporter: Exporter) -> None:
    """The very command succeeds on a running exporter and fails without one."""
    command = json.loads(of("HEALTHCHECK")[0].partition("CMD")[2])
    port = exporter.url.rpartition(":")[2]
    command = [sys.executable, *(part.replace("9720", port) for part in command[1:])]
    async with serve(answer(message(body=b"open"))) as shop:
        exporter.configure({"shop": page(shop.port)})
        await exporter.start()
        assert subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0  # noqa: ASYNC221 - nobody else waits for this loop
        await exporter.kill()
        assert subprocess.run(command, capture_output=True, timeout=30, check=False).returncode != 0  # noqa: ASYNC221 - nobody else waits for this loop


def test_its_command_is_one_that_the_exporter_knows() -> None:
    """`serve` takes the options that it is started with."""
    options = {part.partition("=")[0] for part in json.loads(of("CMD")[0])[1:]}
    told = subprocess.run(
        [sys.executable, "-m", "exporter", "serve", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert all(option in told.stdout for option in options)


def test_what_it_copies_is_enough(tmp_path: Path) -> None:
    """The wheel builds from the copied files alone, and these all get past the ignore file."""
    ignored = (ROOT / "deploy/docker/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [shlex.split(rest)[:-1] for name, rest in instructions() if name == "COPY"]
    for name in (name for names in copied for name in names):
        assert f"!{name}" in ignored
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "wheel", "--no-deps"]
    out = tmp_path / "wheels"
    subprocess.run([*pip, "--no-build-isolation", "-w", out, tmp_path], check=True, cwd=tmp_path)
    assert len(list(out.glob("rto_rpo_exporter-*.whl"))) == 1


@pytest.mark.parametrize("path", sorted((ROOT / "deploy/compose").rglob("*.sh")), ids=lambda path: path.name)
def test_shellcheck_finds_nothing(path: Path) -> None:
    """The scripts of the stack may be run, and the linter of shell scripts is content."""
    assert path.stat().st_mode & 0o111
    shellcheck = Path(sys.executable).parent / "shellcheck"
    checked = subprocess.run([shellcheck, path], capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
