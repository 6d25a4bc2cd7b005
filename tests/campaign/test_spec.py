"""Campaign files: what is read, and what is said about bad ones."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.campaign.spec import (
    TRIAL_SECONDS,
    Goal,
    parse_campaign,
    spec_differences,
    target_from_settings,
    target_settings,
)
from mmdiscover.core.format import Format
from mmdiscover.core.records import best_known_rank
from mmdiscover.errors import InputError
from mmdiscover.refine import parse_preference
from mmdiscover.search import parse_symmetry

FULL = """\
name = "small-formats"   # a comment
seed = 7
trial_time = "2h"
preference = "nonzeros"

[[target]]
scheme = "3x3x3:23"
starts = 40
time = "10m"
distinct = 3
method = "numeric"
share = 2

[[target]]
scheme = "2x2x3"
bound = 70.5
start_scale = 0.4
max_iterations = 300
symmetry = "none"
schemes = 3
attempts = 4
preference = "ternary"
"""


def test_all_keys() -> None:
    spec = parse_campaign(FULL)
    assert (spec.name, spec.seed, spec.trial_seconds) == ("small-formats", 7, 7200)
    one, two = spec.targets
    assert (one.target.format, one.target.rank, one.target.position) == (Format(3, 3, 3), 23, 0)
    assert (one.goal, one.share) == (Goal(40, 600, 3), 2)
    assert one.target.refine.preference == parse_preference("nonzeros")
    assert two.target.rank == best_known_rank(Format(2, 2, 3)) == 11
    assert (two.goal, two.share, two.target.position) == (Goal(), 1, 1)
    pins, refine = two.target.pins, two.target.refine
    assert (pins.bound, pins.start_scale, pins.max_iterations, pins.symmetries) == (70.5, 0.4, 300, (None,))
    assert (refine.schemes, refine.attempts, str(refine.preference)) == (3, 4, "ternary")


def test_what_is_left_out() -> None:
    spec = parse_campaign('name = "a"\nseed = 0\n[[target]]\nscheme = "2x2x2:7"')
    assert spec.trial_seconds == TRIAL_SECONDS
    assert spec.targets[0].target.pins.symmetries is None


@pytest.mark.parametrize("symmetry", ["none", "alternating:3", "diagonal-1:5", "sandwich:a,1,a"])
def test_targets_are_stored_and_read_again(symmetry: str) -> None:
    spec = parse_campaign(FULL).targets[0]
    for one in (spec, parse_campaign(FULL).targets[1]):
        stored = json.loads(json.dumps(target_settings(one)))
        target = one.target
        assert target_from_settings(target.position, target.format, target.rank, stored) == one
    stored = json.loads(json.dumps(target_settings(spec)))
    assert parse_symmetry(symmetry) is None or stored["search"]["symmetries"] is None


def test_settings_of_another_version() -> None:
    target = parse_campaign(FULL).targets[0].target
    with pytest.raises(InputError, match=r"settings of target 0 cannot be read.*expected those of a campaign file"):
        target_from_settings(0, target.format, target.rank, {"search": {}})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 7", "seed = 7.5", r"line 2: 'seed': is 7.5, expected an integer from 0 to"),
        ("seed = 7", "seed = true", "line 2: 'seed': is True"),
        ("seed = 7", "seed = -1", "line 2: 'seed': is -1"),
        ("seed = 7\n", "", "line 1: key 'seed' is missing"),
        ("seed = 7", "sead = 7", "line 1: key 'seed' is missing"),
        ("starts = 40", 'starts = "many"', "line 8: 'starts' of target 1: is 'many', expected an integer from 1"),
        ("starts = 40", "starts = 0", "line 8: 'starts' of target 1: is 0"),
        ("starts = 40", "start = 40", "line 8: unknown key 'start' of target 1, did you mean 'starts'"),
        (
            "starts = 40",
            "wibble = 40",
            "line 8: unknown key 'wibble' of target 1, expected one of ring, scheme, starts",
        ),
        ("share = 2", "share = 0", "line 12: 'share' of target 1: is 0, expected a number above 1e-06"),
        ("share = 2", "share = nan", "line 12: 'share' of target 1: is nan"),
        ('time = "10m"', "time = 10", "line 9: 'time' of target 1: is 10, expected a text in quotes"),
        ('time = "10m"', 'time = "soon"', "line 9: 'time' of target 1: time 'soon': expected a positive time"),
        ('"3x3x3:23"', '"3x3:23"', "line 7: 'scheme' of target 1: format '3x3': expected three sizes"),
        ('"3x3x3:23"', '"3x3x3:5"', "line 6: target 1: 3x3x3:5: no scheme of 3x3x3 has fewer than 9 products"),
        ('"3x3x3:23"', '"900x900x900:5"', "line 6: target 1: the tensor of 900x900x900 needs"),
        ('"2x2x3"', '"31x31x31"', "line 15: 'scheme' of target 2: no rank of 31x31x31 is on record"),
        (
            '"numeric"',
            '"magic"',
            "line 11: 'method' of target 1: is 'magic', expected 'numeric' or 'discrete' or 'both'",
        ),
        ("bound = 70.5", "bound = 1", "line 14: target 2: bound is 1, expected at least"),
        ('"none"', '"round"', "line 19: 'symmetry' of target 2: symmetry 'round', expected none"),
        ('"ternary"', '"pretty"', "line 22: 'preference' of target 2: .*unknown criterion 'pretty'"),
        ("attempts = 4", "attempts = 2", "line 14: target 2: schemes is 3, expected at most the number of attempts, 2"),
        ('name = "small-formats"', 'name = ""', "line 1: 'name': is '', expected 1 to 200 printable characters"),
        ('name = "small-formats"', 'name = "a\\nb"', "line 1: 'name'"),
        ("[[target]]", "[target]", "is not TOML"),
        ("seed = 7", "seed = ", r"is not TOML: .*line 2"),
    ],
)
def test_bad_files(old: str, new: str, message: str) -> None:
    assert old in FULL
    with pytest.raises(InputError, match=message):
        parse_campaign(FULL.replace(old, new))


@pytest.mark.parametrize("text", ['name="a"\nseed=1', 'name="a"\nseed=1\ntarget=[]', 'name="a"\nseed=1\ntarget=[1]'])
def test_no_targets(text: str) -> None:
    with pytest.raises(InputError, match=r"line \d: .*target"):
        parse_campaign(text)


def test_a_deep_file_is_refused() -> None:
    with pytest.raises(InputError):
        parse_campaign("a = " + "[" * 100_000)


@given(st.text(max_size=60), st.integers(0, len(FULL)), st.integers(0, 30))
def test_whatever_is_written_is_read_or_refused(text: str, place: int, gap: int) -> None:
    try:
        parse_campaign(FULL[:place] + text + FULL[place + gap :])
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 - many texts are no error


def test_differences() -> None:
    spec = parse_campaign(FULL)
    same = parse_campaign(FULL.replace("starts = 40", "starts = 50").replace("share = 2", "share = 5"))
    assert spec_differences(spec, same) == []
    more = parse_campaign(FULL + '[[target]]\nscheme = "2x2x2:7"')
    assert spec_differences(spec, more) == []
    assert spec_differences(more, spec) == ["3 targets instead of 2"]
    other = parse_campaign(FULL.replace("seed = 7", "seed = 8").replace("3x3x3:23", "3x3x3:24").replace("0.4", "0.5"))
    assert spec_differences(spec, other) == [
        "seed 7 instead of 8",
        "target 1 is 3x3x3:23 instead of 3x3x3:24",
        "target 2 (2x2x3:11) has other settings of search or refinement",
    ]


@pytest.mark.parametrize(
    ("goal", "reached"),
    [
        (Goal(), False),
        (Goal(starts=10), True),
        (Goal(starts=11), False),
        (Goal(seconds=5), True),
        (Goal(seconds=6), False),
        (Goal(distinct=2), True),
        (Goal(11, 6, 3), False),
        (Goal(11, 6, 2), True),
    ],
)
def test_goals(goal: Goal, reached: bool) -> None:
    assert goal.reached(10, 5.5, 2) is reached
