"""Who may change something: whoever holds the bearer token."""

import hmac
from collections.abc import Callable

from aiohttp import hdrs, web

from exporter.web.answers import problem
from exporter.web.attempts import ATTEMPTS, slow_down
from exporter.web.backend import BACKEND


def refusal(
    request: web.Request,
    read: Callable[[], str | None] | None = None,
    setting: str = "api.token_file",
    busy: int = 429,
) -> web.Response | None:
    """Why the request may not change anything; None if it may. The comparison takes the same time for any token.

    `read` and `setting`: where the token comes from, if it is not the API's own. `busy`: the status for who was wrong too often.
    """
    try:
        token = (read or request.app[BACKEND].token)()
    except ValueError as error:
        return problem(403, str(error))
    if not token:
        return problem(403, f"nothing may be changed here without a token; set {setting} in the configuration")
    login = request.headers.get(hdrs.AUTHORIZATION, "")
    if login:
        wait = request.app[ATTEMPTS].begin(request.remote, login)
        if wait:
            return slow_down(wait, busy)
    scheme, _, given = login.partition(" ")
    same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), token.encode())
    if scheme.lower() == "bearer" and same:
        request.app[ATTEMPTS].right(request.remote, login)
        return None
    sentence = f"the bearer token is missing or wrong; send Authorization: Bearer with the content of {setting}"
    return problem(401, sentence, {hdrs.WWW_AUTHENTICATE: "Bearer"})
