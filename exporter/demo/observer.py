"""What the running exporter says, read over HTTP like anybody would."""

from types import TracebackType
from typing import Any, Self

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

TIMEOUT = aiohttp.ClientTimeout(total=3.0)


class Observer:
    """Reads /metrics and the API of the exporter at `url` about one system."""

    def __init__(self, url: str, system: str) -> None:
        self.url = url
        self._system = system
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=TIMEOUT, raise_for_status=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ready(self) -> bool:
        """Whether it is there and has looked at everything once."""
        try:
            async with self._session.get(f"{self.url}/-/ready"):
                return True
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def series(self, name: str, **labels: str) -> dict[tuple[str, ...], float]:
        """The values of a metric of this system that has these labels, by its other labels' values in label order."""
        wanted = {"system": self._system, **labels}
        async with self._session.get(f"{self.url}/metrics") as answer:
            families = text_string_to_metric_families(await answer.text())
        return {
            tuple(value for label, value in sorted(sample.labels.items()) if label not in wanted): sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and wanted.items() <= sample.labels.items()
        }

    async def value(self, name: str, **labels: str) -> float | None:
        """One value; None if there is no such series."""
        return (await self.series(name, **labels)).get(())

    async def state(self) -> str | None:
        """The system's state by its name."""
        states = await self.series("dr_state")
        return next((state for (state,), on in states.items() if on), None)

    async def proven(self, site: str, source: str) -> bool:
        """Whether the system is healthy, its exposure known, and `source` proves a recovery point at `site`."""
        points = await self.series("dr_recovery_point_timestamp_seconds", site=site, source=source)
        known = await self.value("dr_rpo_known", scenario="site_loss")
        return await self.state() == "healthy" and known == 1 and bool(points)

    async def failover(self) -> dict[str, Any] | None:
        """The newest closed failover, as the API tells it."""
        async with self._session.get(f"{self.url}/api/v1/incidents", params={"system": self._system}) as answer:
            items = (await answer.json())["items"]
        return next((item for item in items if item["kind"] == "failover" and not item["open"]), None)
