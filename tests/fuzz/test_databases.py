"""What real databases said, damaged on its way: every look ends with facts or a reason, soon, and wherever the network cuts it."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.probes import KINDS
from exporter.probes.kind import Context, Probe
from tests.fuzz.damage import cuts, damaged_turns
from tests.fuzz.examples import examples
from tests.fuzz.talk import Stage, Talk, look, recorded, split_everywhere, write
from tests.probes import mysql_rig, postgres_rig, redis_rig
from tests.servers import PASSWORD, PostgresPair

Talks = dict[str, Talk]


def prober(kind: str, server: Any) -> Callable[[int], Probe]:
    """Makes a probe as the exporter does, at a port that stands for this server's."""

    def build(port: int) -> Probe:
        place = {"url": server.url(port)} if kind == "redis" else {"dsn": server.dsn(port=port)}
        settings = KINDS[kind].settings.model_validate({**place, "password": {"plain": PASSWORD}})
        return KINDS[kind].build(settings, Context("here"))

    return build


def heard(kind: str, pair: Any) -> Talks:
    """What both servers say to a look, and the primary to a marker."""
    primary, standby = prober(kind, pair.primary), prober(kind, pair.standby)
    return {
        "primary": recorded(primary, look, pair.primary.port),
        "marker": recorded(primary, write, pair.primary.port),
        "standby": recorded(standby, look, pair.standby.port),
    }


def postgres() -> Iterator[Talks]:
    with contextmanager(postgres_rig.make_pair)() as pair:
        login = recorded(prober("postgres", pair.primary), look, pair.primary.port)
        let_in(pair)
        yield {"login": login} | heard("postgres", pair)


def let_in(pair: PostgresPair) -> None:
    """Both servers believe dr_probe without a proof, since a proof is good for one login only."""
    for server in (pair.primary, pair.standby):
        access = server.data / "pg_hba.conf"
        access.write_text("host all dr_probe 127.0.0.1/32 trust\n" + access.read_text())
        server.sql("SELECT pg_reload_conf()")


def mysql() -> Iterator[Talks]:
    with contextmanager(mysql_rig.make_pair)() as pair:
        yield heard("mysql", pair)


def redis() -> Iterator[Talks]:
    with contextmanager(redis_rig.make_pair)() as pair:
        yield heard("redis", pair)


KINDS_OF_THEM = [
    pytest.param(postgres, marks=pytest.mark.postgres, id="postgres"),
    pytest.param(mysql, marks=pytest.mark.mariadb, id="mysql"),
    pytest.param(redis, marks=pytest.mark.redis, id="redis"),
]


@pytest.fixture(scope="module", params=KINDS_OF_THEM)
def talks(request: pytest.FixtureRequest) -> Talks:
    """The servers have ended: what they said is all that is needed."""
    with contextmanager(request.param)() as found:
        talks: Talks = found
        return talks


def test_wherever_it_is_cut(talks: Talks) -> None:
    """A good answer means the same in one piece and in two, wherever the cut is."""
    for name, talk in talks.items():
        if name != "login":  # its proof is of another login
            split_everywhere(talk)


@pytest.fixture
def half_made() -> Iterator[None]:
    """What asyncpg leaves half made warns when it dies; here it does so in the test that it belongs to."""
    yield
    gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # see half_made
@pytest.mark.usefixtures("half_made")
@examples(60)
@given(data=st.data())
def test_damaged(talks: Talks, data: st.DataObject) -> None:
    """Damaged answers end in facts or in one of the reasons, and mean the same however they arrive."""
    name = data.draw(st.sampled_from(sorted(talks)))
    turns = data.draw(damaged_turns(talks[name].turns))
    with Stage(talks[name]) as stage:
        stage.same(turns, data.draw(cuts))
