"""Blindness: everybody was asked since the silence began, and nobody answered."""

from exporter.engine.sight import Sight


def blind(sight: Sight) -> bool:
    return sight.blind


def silent(sight: Sight, who: str, started: float, *, reference: bool = False) -> None:
    sight.saw(who, started, started + 0.5, answered=False, reference=reference)


def test_one_silent_look_is_not_enough() -> None:
    """The first silent look begins the silence; each endpoint has to be asked again after it."""
    sight = Sight(endpoints=2)
    silent(sight, "a", 1.0)
    silent(sight, "b", 1.2)
    assert not blind(sight)
    silent(sight, "a", 1.6)
    assert not blind(sight)
    silent(sight, "b", 1.7)
    assert blind(sight)
    assert sight.is_quiet("a")


def test_any_answer_ends_it() -> None:
    """An answer to a look that began after the silence did, whoever gave it."""
    sight = Sight(endpoints=1)
    silent(sight, "a", 1.0)
    silent(sight, "a", 2.0)
    assert blind(sight)
    sight.saw("b", 3.0, 3.1, answered=True)
    assert (blind(sight), sight.quiet_since, sight.heard, sight.heard_end) == (False, None, 3.0, 3.1)


def test_an_old_answer_ends_nothing() -> None:
    """A look that began before the silence, answered late, tells of before."""
    sight = Sight(endpoints=1)
    silent(sight, "a", 1.0)
    silent(sight, "a", 2.0)
    sight.saw("b", 1.4, 2.6, answered=True)
    assert blind(sight)


def test_references_decide_where_there_are_any() -> None:
    """All of them have to be dead too; one that answers means that we see."""
    sight = Sight(endpoints=1, references=2)
    silent(sight, "a", 1.0)
    silent(sight, "a", 2.0)
    silent(sight, "ref1", 2.0, reference=True)
    assert not blind(sight)
    silent(sight, "ref2", 2.0, reference=True)
    assert blind(sight)
    sight.saw("ref2", 3.0, 3.1, answered=True, reference=True)
    assert not blind(sight)


def test_dead_references_alone_are_a_warning() -> None:
    """While an endpoint answers we see, whatever the references do."""
    sight = Sight(endpoints=1, references=1)
    for started in (1.0, 2.0, 3.0):
        silent(sight, "ref", started, reference=True)
        sight.saw("a", started, started + 0.1, answered=True)
    assert sight.quiet_since is None
    assert not blind(sight)


def test_nobody_to_look_at_is_not_blind() -> None:
    """Without endpoints there is nothing to be blind to; one that is no longer watched does not count."""
    assert not blind(Sight())
    sight = Sight(endpoints=1)
    silent(sight, "gone", 1.0)
    silent(sight, "gone", 2.0)
    sight.forget("gone")
    assert not blind(sight)
