"""The kind `flow`: several requests in a row, as a user makes them: log in, keep what is answered, use it, judge.

    flow:
      steps:
        - {post: "https://orders.example.com/login", json: {user: probe, password: {env: PROBE_PW}}, save: {token: $.token}}
        - {get: "https://orders.example.com/orders/1", bearer: "{token}", expect: {json: {$.id: 1}}}

What is kept fills `{token}` in later URLs, queries, headers and bodies (`{{token}}` is that text itself). Cookies are
kept within one look. "Cannot log in" (`auth`) is told apart from "logged in, but not permitted" (`permission`).
"""

from exporter.probes.flow_probe import FlowProbe
from exporter.probes.flow_settings import FlowSettings
from exporter.probes.kind import Kind

KIND = Kind(
    name="flow",
    settings=FlowSettings,
    build=FlowProbe,
    tells_site=lambda settings: settings.served_by is not None,
    names_sites=lambda settings: settings.served_by.named if settings.served_by is not None else (),
    permissions=lambda settings: len(settings.steps) > settings.login_steps,
)
