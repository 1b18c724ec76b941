"""The stream as a real browser hears it: compressed, event by event, and again after the server was gone."""

from playwright.async_api import Page, async_playwright

from exporter.web.server import listen, make_app
from tests.browser.chromium import CHROMIUM, FLAGS, MARKS
from tests.exporter.rig import until
from tests.servers import free_port
from tests.servers.accepting import end
from tests.web.fakes import Stage
from tests.web.test_stream import happen

pytestmark = MARKS

LISTEN = """() => {
    window.heard = []
    const source = new EventSource("/api/v1/stream?tier=critical")
    for (const name of ["hello", "systems"])
        source.addEventListener(name, event => window.heard.push([name, JSON.parse(event.data).items.map(item => item.state)]))
}"""


async def heard(page: Page, name: str, count: int, state: str = "") -> bool:
    """Whether so many events came, with this state of any system."""
    came: list[tuple[str, list[str]]] = await page.evaluate("window.heard")
    return len([states for one, states in came if one == name and (not state or state in states)]) >= count


async def test_an_event_source_hears_and_comes_back() -> None:
    """Hello, then what happened, through gzip; after a restart of the server hello again, without any help."""
    stage = Stage()
    port = free_port()
    host = "127.0.0.1"
    runner = await listen(make_app(stage.backend()), host, port)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page()
        encodings: list[str | None] = []
        page.on(
            "response",
            lambda said: encodings.append(said.headers.get("content-encoding")) if "stream" in said.url else None,
        )
        await page.goto(f"http://{host}:{port}/static/icon.svg")
        await page.evaluate(LISTEN)
        await until(lambda: heard(page, "hello", 1), "hello")
        happen(stage, "orders")
        # Not by wait_for_function: what it has to evaluate twice, the page's own policy forbids.
        await until(lambda: heard(page, "systems", 1, "outage"), "the outage")
        assert encodings == ["gzip"]
        await end(runner)
        runner = await listen(make_app(stage.backend()), host, port)
        await until(lambda: heard(page, "hello", 2), "hello again")
        await browser.close()
    await end(runner)
