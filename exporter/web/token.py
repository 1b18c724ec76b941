"""Who may change something: whoever holds the bearer token."""

import hmac

from aiohttp import hdrs, web

from exporter.web.answers import problem
from exporter.web.backend import BACKEND


def refusal(request: web.Request) -> web.Response | None:
    """Why the request may not change anything; None if it may. The comparison takes the same time for any token."""
    try:
        token = request.app[BACKEND].token()
    except ValueError as error:
        return problem(403, str(error))
    if not token:
        return problem(403, "nothing may be changed here without a token; set api.token_file in the configuration")
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), token.encode())
    if scheme.lower() == "bearer" and same:
        return None
    sentence = "the bearer token is missing or wrong; send Authorization: Bearer with the content of api.token_file"
    return problem(401, sentence, {hdrs.WWW_AUTHENTICATE: "Bearer"})
