"""The machine-readable description of what this server answers (OpenAPI 3.1)."""

from typing import Any

from exporter.web import openapi_drills
from exporter.web.openapi_hooks import HOOKS
from exporter.web.openapi_parts import Part
from exporter.web.openapi_paths import OPERATIONS
from exporter.web.openapi_schemas import SCHEMAS
from exporter.web.runbooks import RUNBOOKS

PARTS = (Part(OPERATIONS, SCHEMAS), HOOKS, openapi_drills.PART, RUNBOOKS)
"""Each feature's own; `merged` refuses two that describe the same."""


def merged(*parts: Part) -> dict[str, Any]:
    """The whole description. Raises ValueError when a path or a schema is described twice."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for part in parts:
        twice = (paths.keys() & part.paths.keys()) | (schemas.keys() & part.schemas.keys())
        if twice:
            raise ValueError(f"described twice: {', '.join(sorted(twice))}")
        paths |= part.paths
        schemas |= part.schemas
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "RTO/RPO exporter",
            "version": "1",
            "description": "Instants are Unix seconds, durations are seconds; null is what was not observed.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas,
        },
    }


OPENAPI = merged(*PARTS)
