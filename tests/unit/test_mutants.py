"""The catalogue: every mutant applies, says what it is, and is another bug than the rest."""

import string
from collections import Counter

import pytest

from rnnverify.builtin import SYSTEMS
from rnnverify.errors import StaleMutantError
from rnnverify.mutants import CATALOGUE
from rnnverify.mutants.mutant import Mutant
from rnnverify.records import Clip
from tests.support import char_rnn_case

ALL = [mutant for mutants in CATALOGUE.values() for mutant in mutants]


def mutant(before: str, after: str = "pass") -> Mutant:
    """Return a mutant of char_rnn's model."""
    return Mutant(
        system="char_rnn", name="some", before=before, after=after, equation="", symptom=""
    )


def test_every_system_has_enough() -> None:
    """Each built-in system has 12 mutants at least, and all together 150."""
    assert set(CATALOGUE) == set(SYSTEMS)
    assert min(len(mutants) for mutants in CATALOGUE.values()) >= 12
    assert len(ALL) >= 150


@pytest.mark.parametrize("system", CATALOGUE)
def test_every_mutant_applies(system: str) -> None:
    """The line that is changed is there, just once, and the changed source is another."""
    for each in CATALOGUE[system]:
        assert each.system == system
        assert callable(each.gradients)
        assert each.source not in {other.source for other in CATALOGUE[system] if other != each}


@pytest.mark.parametrize("system", CATALOGUE)
def test_every_mutant_says_what_it_is(system: str) -> None:
    """Names are unique words; the equation is a line, the symptom a sentence, the clip one."""
    names = Counter(each.name for each in CATALOGUE[system])

    assert max(names.values()) == 1
    for each in CATALOGUE[system]:
        assert set(each.name) <= set(string.ascii_letters + string.digits + "_-")
        assert 0 < len(each.equation) <= 70
        assert "\n" not in each.equation
        assert each.symptom.endswith(".")
        assert len(each.symptom) <= 100
        Clip.parse(each.clip)


def test_a_line_that_is_gone_is_an_error() -> None:
    """A mutant whose line is not in the source says so, and which line that is."""
    with pytest.raises(StaleMutantError, match=r"'some' no longer applies: 'h = 0' occurs 0 times"):
        _ = mutant("h = 0").gradients


def test_a_line_that_is_there_twice_is_an_error() -> None:
    """What is to be changed must be clear."""
    twice = 'Whh, inputs = case["Whh"], case["inputs"]\nreturn'

    with pytest.raises(StaleMutantError, match="occurs 0 times"):
        _ = mutant(twice).source
    with pytest.raises(StaleMutantError, match=r"occurs [2-9] times"):
        _ = mutant('"""').source


def test_lines_in_the_place_of_one_are_indented_like_it() -> None:
    """The first line's indentation is kept, and what goes deeper goes deeper."""
    made = mutant("dhnext = dhraw[t] @ Whh", "if t > 0:\n    dhnext = dhraw[t] @ Whh")

    assert "        if t > 0:\n            dhnext = dhraw[t] @ Whh\n" in made.source


def test_state_that_a_mutant_keeps_is_its_own() -> None:
    """A fresh one knows nothing of earlier calls."""
    (stateful,) = (m for m in CATALOGUE["char_rnn"] if m.name == "state_kept_between_calls")
    case = char_rnn_case()
    first, second = (stateful.fresh()(case)["Whh"] for _ in range(2))

    assert (first == second).all()
