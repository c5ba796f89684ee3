"""Specs: round trips, and everything that is wrong with one, at once, by name and line."""

import copy
import datetime
import math
import pickle

import hypothesis.strategies as st
import numpy as np
import pytest
import tomli_w
from hypothesis import given, settings

from tests.support.systems import ProportionalLearningRate
from thermo_ideal.experiments._isotropic import shipped_sweep
from thermo_ideal.sweeps import Axis, Grid, Sweep, SweepError, geomspace, linspace, logspace

GRID = Grid("fixed-lr", learning_rate=logspace(-3, -1, 9), weight_decay=[0.01, 0.1])
BASE = {
    "experiment": "stationary",
    "replicas": 4,
    "num_steps": 1000,
    "samples": 10,
    "standard_error": {"loss": 1e-3, "radius": 1},
    "options": {"word": "a\u007f\"'\n", "switch": True},
    "grids": [
        {"protocol": "fixed-lr", "learning_rate": {"logspace": [-3, -1, 9]}, "weight_decay": [0.1]},
        {"protocol": "fixed-sphere", "effective_learning_rate": [0.1, 0.2], "radius": 1.0, "noise_scale": [1, 2]},
    ],
}
WRONG = """\
experiment = "isotropc"  # a slip [[grids]]
replicas = -1
foo = 3
noise_scale = nan
initial_radii = [
  0.9,
  "x",
]

[[grids]]
protocol = "fixed-elr"
effective_learning_rate = { logspace = [-3, -1, 9] }
weight_decay = -1

[[grids]]
protocol = "fixed-l"
"""


def test_everything_wrong_is_said_at_once_with_its_line():
    with pytest.raises(SweepError) as caught:
        Sweep.from_toml(WRONG, "mine.toml")
    lines = {(problem.line, problem.field) for problem in caught.value.problems}
    assert lines == {
        (1, "experiment"),
        (2, "replicas"),
        (3, "foo"),
        (4, "noise_scale"),
        (5, "initial_radii"),
        (13, "grids[0].weight_decay"),
        (16, "grids[1].protocol"),
    }
    text = str(caught.value)
    assert text.startswith("mine.toml: 7 problems")
    assert "line 2: replicas: got -1, expected a whole number from 1" in text
    assert "experiment: got 'isotropc', expected one of" in text
    assert "'stationary'" in text
    assert str(pickle.loads(pickle.dumps(caught.value))) == text


@pytest.mark.parametrize("name", ["quick", "paper"])
def test_shipped_sweeps_round_trip(name):
    sweep = shipped_sweep(name)
    again = Sweep.from_toml(sweep.to_toml())
    assert again == sweep
    assert hash(again) == hash(sweep)
    assert again.digest == sweep.digest
    assert len({sweep, again}) == 1
    assert sweep.replace(seed=1) != sweep


numbers = st.floats(1e-6, 1e6, allow_subnormal=False)
axes = st.one_of(
    st.lists(numbers, min_size=1, max_size=4, unique_by=np.float32).map(lambda x: Axis("values", tuple(x))),
    st.tuples(numbers, numbers, st.integers(2, 5)).filter(lambda x: x[1] > 1.1 * x[0]).map(lambda x: geomspace(*x)),
    st.tuples(numbers, numbers, st.integers(2, 5)).filter(lambda x: x[1] > 1.1 * x[0]).map(lambda x: linspace(*x)),
)


@given(
    axes, axes, st.integers(0, 2**32 - 1), numbers, st.booleans(), st.dictionaries(st.text(), st.integers() | numbers)
)
@settings(max_examples=100)
def test_any_sweep_round_trips(first, second, seed, scale, double, options):
    sweep = Sweep(
        "stationary",
        [Grid("fixed-sphere", effective_learning_rate=first, radius=second)],
        seed=seed,
        noise_scale=scale,
        precision="float64" if double else "float32",
        options=options,
    )
    again = Sweep.from_toml(sweep.to_toml())
    assert again == sweep
    for (_, axis), (_, other) in zip(again.grids[0].axes, sweep.grids[0].axes, strict=True):
        np.testing.assert_array_equal(axis.array, other.array)


junk = st.recursive(
    st.one_of(
        st.integers(-(2**63), 2**63 - 1),
        st.sampled_from([0, -1, 1e308, 5e-324, 1e-45, -0.0, math.inf, -math.inf, math.nan, 2**62, "", "auto", "zonal"]),
        st.floats(),
        st.booleans(),
        st.text(max_size=5),
        st.just(datetime.date(2000, 1, 1)),
        st.just(datetime.time(1, 2)),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=2),
    max_leaves=4,
)
places = st.sampled_from(
    [
        *((name,) for name in ("experiment", "grids", "integrator", "loss", "noise", "noise_scale", "dimension")),
        *((name,) for name in ("replicas", "initial_radii", "initial_directions", "num_steps", "burn_in", "samples")),
        *(
            (name,)
            for name in (
                "stride",
                "standard_error",
                "observables",
                "precision",
                "seed",
                "block_points",
                "options",
                "unheard",
            )
        ),
        *(("grids", 0, name) for name in ("protocol", "learning_rate", "weight_decay", "dimension", "unheard")),
        *(("grids", 1, name) for name in ("radius", "noise_scale")),
        ("grids", 1),
        ("options", "word"),
        ("standard_error", "loss"),
    ]
)


def planted(place, value):
    table = copy.deepcopy(BASE)
    parent = table
    for step in place[:-1]:
        parent = parent[step]
    parent[place[-1]] = value
    return table


@given(places, junk)
@settings(max_examples=2000)
def test_fuzzed_specs_name_the_field(place, value):
    """Whatever stands in one field: a sweep, or an error that names it, at its line; never another exception."""
    text = tomli_w.dumps(planted(place, value))
    sweep, error = None, None
    try:
        sweep = Sweep.from_toml(text, "fuzzed.toml")
    except SweepError as caught:
        error = caught
    if error is not None:
        named = "grids[{1}].{2}".format(*place, "") if place[0] == "grids" and len(place) > 1 else place[0]
        fields = [problem.field for problem in error.problems]
        related = {
            "num_steps": ("samples", "stride", "burn_in"),
            "initial_radii": ("initial_directions", "replicas"),
            "observables": ("standard_error",),  # of which each is one of them
        }
        expected = (named.rstrip("."), *related.get(named, ()))
        assert any(field.startswith(expected) or named.startswith(field) for field in fields), (fields, str(error))
        assert all(problem.line for problem in error.problems if problem.field == named)
    else:
        assert Sweep.from_toml(sweep.to_toml()) == sweep


@given(st.text(max_size=200) | st.binary(max_size=50).map(lambda x: x.decode("latin-1")))
@settings(max_examples=200)
def test_text_that_is_no_spec(text):
    with pytest.raises(SweepError):
        Sweep.from_toml(text)


@pytest.mark.parametrize("text", ["[" * 10_000, "a = " + "[" * 10_000, "seed = " + "9" * 5000, 'a = "\\ud800"'])
def test_text_that_breaks_parsers(text):
    with pytest.raises(SweepError):
        Sweep.from_toml(text)


def test_contradictions_are_named():
    for wrong, field in [
        ({"initial_radii": [0.9, 1.1]}, "initial_directions"),
        ({"initial_radii": [0.9, 1.1], "initial_directions": ["minimum"] * 2, "replicas": 3}, "replicas"),
        ({"num_steps": 100}, "samples"),
        ({"num_steps": 100, "samples": 10, "burn_in": 100}, "burn_in"),
        ({"burn_in": 10}, "burn_in"),
        ({"observables": ["los"]}, "observables"),
        ({"standard_error": {"los": 0.1}}, "standard_error"),
        ({"standard_error": {"loss": 0.1}, "observables": ["radius"]}, "standard_error"),
        ({"standard_error": {"effective_weight_decay": 0.1}}, "standard_error"),
        ({"observables": ["effective_weight_decay"]}, "observables"),
    ]:
        with pytest.raises(SweepError) as caught:
            Sweep("stationary", [GRID], **wrong)
        assert [problem.field for problem in caught.value.problems] == [field]


@pytest.mark.parametrize(
    ("axes", "field"),
    [
        ({"learning_rate": 0.1}, "weight_decay"),
        ({"learning_rate": 0.1, "weight_decay": 0.0}, "weight_decay"),
        ({"learning_rate": [0.1, 0.1], "weight_decay": 0.1}, "learning_rate"),
        ({"learning_rate": 0.1, "weight_decay": 0.1, "radius": 1.0}, "radius"),
        ({"learning_rate": logspace(0, 400, 3), "weight_decay": 0.1}, "learning_rate"),
        ({"learning_rate": geomspace(-1, 1, 3), "weight_decay": 0.1}, "learning_rate"),
        ({"learning_rate": 0.1, "weight_decay": 0.1, "dimension": [3, 2.5]}, "dimension"),
        ({"learning_rate": linspace(1, 2, 10**6), "weight_decay": linspace(1, 2, 11)}, "protocol"),
    ],
)
def test_axes_that_are_none(axes, field):
    with pytest.raises(SweepError) as caught:
        Grid("fixed-lr", **axes)
    assert [problem.field for problem in caught.value.problems] == [field]


def test_a_protocol_of_ones_own_is_a_grid_but_no_file():
    """Its static fields belong to it; a file has no name for it."""
    one, other = (ProportionalLearningRate(0.1, 0.1, exponent=x) for x in (1.0, 1.2))
    grids = [Grid(kind, factor=[0.1, 0.2], weight_decay=0.1) for kind in (one, other, ProportionalLearningRate)]
    assert len(set(grids)) == 3
    sweep = Sweep("stationary", [grids[0]])
    assert sweep.digest != Sweep("stationary", [grids[1]]).digest
    with pytest.raises(ValueError, match="expected a protocol that files have a name for"):
        sweep.to_toml()
