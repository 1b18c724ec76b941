"""A checkpoint that was altered: the exporter goes on with it, or begins anew with that system; it never ends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.core import watching
from exporter.core.codec import Decoder, encode
from exporter.core.snapshot import Watched
from exporter.core.view import system_json
from tests.fuzz.damage import SEEDS, altered
from tests.fuzz.examples import examples
from tests.reports.stage import SYSTEM, Stage


@pytest.fixture(scope="module")
def checkpoints() -> list[str]:
    """Of a system that is well, in an outage, in the middle of a move, and split."""
    return [
        json.dumps(encode(staged_open(film).watch.state))
        for film in ("hhh", "hhooo", "hhccppps", "hhsssooossshh", "hhr")
    ]


def staged_open(letters: str) -> Stage:
    """A film that stops in the middle."""
    stage = Stage()
    for letter in letters:
        stage.frame(letter)
    return stage


@examples(150)
@given(data=st.data())
def test_altered(checkpoints: list[str], data: st.DataObject) -> None:
    """It is refused in a sentence, or looks go on from it as from any other state: seen, told and kept."""
    document = altered(data.draw(st.sampled_from(checkpoints)), data.draw(SEEDS))
    try:
        state = Decoder(10.0, 0.5).state(document)
    except ValueError as error:
        assert str(error)
        return
    stage = Stage()
    stage.now = 100.0
    step = watching.resumed(SYSTEM, state, 90.0, stage.moment())
    stage.watch.state = step.state
    for letter in "hhoossshh":
        stage.frame(letter)
    json.dumps(system_json(Watched(SYSTEM, stage.watch.state, {}), stage.moment()))
    Decoder().state(json.loads(json.dumps(encode(stage.watch.state))))
