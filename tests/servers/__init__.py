"""The rig: real servers that can be broken, a proxy that cuts, and a writer that knows the truth.

A real failover, end to end:

    with PostgresPair() as pair, Writer(pair.a.dsn("writer"), pair.b.dsn("writer")) as writer:
        writer.wait_for_acks(50)
        pair.link.cut()                        # replication stops; both servers live on
        writer.wait_for_acks(20)
        fault = pair.kill()                    # SIGKILL of the primary's postmaster; the instant (CLOCK_MONOTONIC)
        survivor = pair.promote()              # the standby takes over; pair.primary is it from now on
        truth = writer.truth(fault, survivor)  # waits for the first write that it acknowledged
        print(truth.rto, truth.rpo, truth.lost)
        pair.link.heal()
        pair.reclone()                         # the dead one comes back as standby

Other faults: `pair.primary.freeze()` and `.thaw()` (SIGSTOP and SIGCONT of the whole server), `.stop("fast")`, `Proxy`
in front of `pair.a.port` with `cut()`, `refuse()`, `blackhole()`, `heal()`. Everything ends with the `with`.
"""

from tests.servers.pair import PostgresPair
from tests.servers.postgres import PASSWORD, PostgresServer, postgres_missing
from tests.servers.proxy import Proxy
from tests.servers.truth import Truth, Writer
from tests.servers.wait import free_port, until

__all__ = [
    "PASSWORD",
    "PostgresPair",
    "PostgresServer",
    "Proxy",
    "Truth",
    "Writer",
    "free_port",
    "postgres_missing",
    "until",
]
