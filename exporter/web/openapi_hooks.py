"""What Alertmanager may ask of this server, for the description."""

from exporter.web.openapi_parts import JSON, STRING, Part, Schema, answers, change, error, schema

_DINGTALK: Schema = change(
    "A notification of Alertmanager for the DingTalk group; answered when it was delivered, or could not be",
    {
        **answers("DingTalk accepted a message that holds its alerts.", JSON, schema(status=STRING), {}),
        "400": error("It is no notification of Alertmanager."),
        "404": error("The hook is not configured."),
        "413": error("It is larger than a megabyte."),
        "502": error("DingTalk did not accept it; try again."),
        "503": error("It waits for its turn; try again."),
    },
)

HOOKS = Part({"/hooks/dingtalk": {"post": _DINGTALK}}, {})
