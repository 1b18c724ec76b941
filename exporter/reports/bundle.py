"""The evidence bundle: a report, what it was made from, and what is needed to check it, in a folder or a ZIP file."""

import io
import json
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from importlib import resources
from pathlib import Path

_IMPORT = "from exporter.reports.replay import Loss, Replay, Row, Span, on_rpo, verdict\n"
_WHEN = (1980, 1, 1, 0, 0, 0)
"""The same files make the same ZIP, byte for byte."""
README = """\
Evidence of recovery times and recovery points
恢复时间与恢复点证据包

  report.*        the report, for people and for programs            报告
  ledger.jsonl    the records of the ledger it was made from         账本记录
  samples/        what was seen around each incident                 各事件前后的观测样本
  config/         the configurations of the time, secrets masked     当时的配置（已隐去密钥）
  SHA256SUMS      checksums of all files                             校验和
  verify.py       checks all of it; needs Python 3.10, nothing else  独立核验程序

  python3 verify.py
  python3 verify.py --head NUMBER:HASH      (a head that you noted yourself; 使用自行记录的账本头)
"""


def verifier() -> str:
    """The verifier as one file: the one import of ours is replaced by what it imports."""
    package = resources.files("exporter.reports")
    outer = package.joinpath("verify.py").read_text(encoding="utf-8")
    inner = package.joinpath("replay.py").read_text(encoding="utf-8")
    code = inner[inner.index("from collections.abc") :].replace("from collections.abc import Sequence\n", "")
    code = code.replace("from typing import Any\n", "").strip()
    before, found, after = outer.partition(_IMPORT)
    assert found, "verify.py imports its other half in this very form"
    return f"{before}from typing import Any\n\n{code}\n{after}"


def bundled(
    reports: Mapping[str, bytes], ledger: str, samples: Mapping[str, str], configs: Mapping[str, str]
) -> dict[str, bytes]:
    """All files by name. `ledger`: exported lines; `samples` and `configs`: texts by their hash."""
    files = dict(reports)
    files["ledger.jsonl"] = ledger.encode("utf-8")
    files |= {f"samples/{digest}.jsonl": text.encode("utf-8") for digest, text in samples.items()}
    files |= {f"config/{digest}.json": text.encode("utf-8") for digest, text in configs.items()}
    files["verify.py"] = verifier().encode("utf-8")
    files["README.txt"] = README.encode("utf-8")
    sums = "".join(f"{sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return {**files, "SHA256SUMS": sums.encode("utf-8")}


def write(files: Mapping[str, bytes], where: Path) -> None:
    """A ZIP file if the name ends so, else a folder, which must not hold anything yet. Raises OSError, ValueError."""
    if where.suffix == ".zip":
        where.write_bytes(_zip(files))
        return
    if where.exists() and (not where.is_dir() or any(where.iterdir())):
        raise ValueError(f"{where} holds something already; name a new folder, or a file that ends in .zip")
    for name, content in files.items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _zip(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _WHEN), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def canonical(config: Mapping[str, object]) -> str:
    """A configuration in the form whose SHA-256 is its hash."""
    return json.dumps(config, sort_keys=True, ensure_ascii=False)
