"""The boards as they are built now."""

import json
from typing import Any

import pytest

from dashboards.build import IMPORT, PROVISIONED, files
from dashboards.scope import Scope

BUILT = {name: json.loads(text) for name, text in files(Scope()).items()}
GENERIC = [name for name in BUILT if name.startswith(PROVISIONED)]
IMPORTED = [name for name in BUILT if name.startswith(IMPORT)]


@pytest.fixture(params=GENERIC)
def board(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each board for any configuration, as it is provisioned."""
    found: dict[str, Any] = BUILT[request.param]
    return found


@pytest.fixture(params=IMPORTED)
def imported(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each board as the import page takes it."""
    found: dict[str, Any] = BUILT[request.param]
    return found
