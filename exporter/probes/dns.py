"""Kind `dns`: what each of several name servers says about one name, and to which site it points.

    dns: {name: orders.example.com, servers: [10.1.0.2, "10.2.0.2:5353"], sites: {hk: [10.1.0.0/24], sg: [10.2.0.5]}}

All servers are asked at once. Those that answer must agree: users of one that lags behind are still sent to the old site. A
server that is silent or broken is no failure while another one answers, unless `require: all`; but that a name does not
exist is an answer (`assertion`), and so is REFUSED (`error_code`): somebody is there to say it. SERVFAIL is `dns`, as a name that the
exporter itself cannot resolve: a resolver that is cut off, maybe together with the exporter, says it too.
"""

from exporter.probes.dns_settings import DnsSettings
from exporter.probes.kind import Context, Kind, Probe


def _build(settings: DnsSettings, context: Context) -> Probe:
    # Here and not above: dnspython is an extra, and its import takes time that whoever asks no name server need not spend.
    from exporter.probes.dns_probe import DnsProbe

    return DnsProbe(settings)


KIND = Kind(
    name="dns",
    settings=DnsSettings,
    build=_build,
    tells_site=lambda settings: bool(settings.sites),
    names_sites=lambda settings: settings.sites,
)
