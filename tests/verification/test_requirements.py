"""Each row of the verdict, and worlds in which that row fails; datasets are of exact samples of the discrete laws."""

from functools import cache

import numpy as np
import pytest
import xarray as xr

from tests.support.datasets import INSIDE, POINTS, REPLICAS, exact_dataset
from thermo_ideal import symbolic
from thermo_ideal.dynamics import FixedEffectiveLearningRate, FixedLearningRate, FixedSphere
from thermo_ideal.symbolic import VerificationError
from thermo_ideal.verification import JOINT_REQUIREMENTS, REQUIREMENTS, Row, compare, verify
from thermo_ideal.verification import _compare as comparing
from thermo_ideal.verification._law_requirements import protocols_agree_with_discrete_law

KINDS = (FixedEffectiveLearningRate, FixedLearningRate, FixedSphere)
SIZE = POINTS**2
SIGN = xr.DataArray(np.where(INSIDE, 1.0, -1.0), dims="replica")
FIT = "S_dir is the entropy of the law fitted to U"
STARTS, INDEPENDENT = "starts inside and outside agree", "replicas are independent"
MIX = ("replicas mix: R̂ of the loss", "the loss has enough effective samples")
DISTRIBUTION = "1 − m has the distribution of discrete SGD"
STATEMENT = "{} is that of discrete SGD"


@pytest.fixture(scope="module", autouse=True)
def one_law_for_each_protocol():
    """All datasets here have the same grids, so that their exact laws need solving once."""
    real, kept = comparing.stationary_law, {}

    def law(sgd, dimension):
        key = sgd.protocol.name, float(sgd.noise.scale), dimension
        if key not in kept:
            kept[key] = real(sgd, dimension)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparing, "stationary_law", law)
        yield


@cache
def exact(kind):
    return exact_dataset(kind, seed=10 + KINDS.index(kind))


def changed(kind, **changes):
    """The dataset with variables replaced by functions of it."""
    data = exact(kind).copy(deep=True)
    for name, change in changes.items():
        data[name] = change(data).broadcast_like(data[name]).transpose(*data[name].dims)
    return data


def rows_of(data, requirements=REQUIREMENTS[1:]):
    """Without the derivation's, which takes seconds and looks at no measurement."""
    comparison = compare(data)
    return [row for requirement in requirements for row in requirement(comparison)]


def failed(data):
    """The claims that do not hold, and those that could not be asked."""
    return [row.claim for row in rows_of(data) if not row.passed]


def at(data, i, j):
    """1 at one point of the grid."""
    one = 0 * data["loss"]
    one[i, j] = 1
    return one


@pytest.mark.parametrize("kind", KINDS)
def test_all_rows_pass_in_the_right_world(kind):
    rows = rows_of(exact(kind))
    assert [row.claim for row in rows if not row.passed] == []
    slopes = {FixedEffectiveLearningRate: 1, FixedLearningRate: 3, FixedSphere: 1}[kind]
    assert len(rows) == 24 - kind.fixes_radius + slopes
    assert sum(row.false_alarm_rate for row in rows) == pytest.approx((20 - kind.fixes_radius + slopes) * 1e-4)


# What is changed, what fails for it, and under which protocols.
WORLDS = {
    "energy 1 % too large": ({"loss": lambda x: 1.01 * x["loss"]}, {FIT}, KINDS),
    "energy 3 % too large": ({"loss": lambda x: 1.03 * x["loss"]}, {FIT, STATEMENT.format("U")}, KINDS),
    "entropy 0.01 nat too large": ({"direction_entropy": lambda x: x["direction_entropy"] + 0.01}, {FIT}, KINDS),
    "radius 5e-4 too large": (
        {"radius": lambda x: 1.0005 * x["radius"]},
        {STATEMENT.format("r")},
        (FixedEffectiveLearningRate,),
    ),
    "volume 0.1 % too large": ({"volume": lambda x: 1.001 * x["volume"]}, {STATEMENT.format("V")}, KINDS[:2]),
    "variance of the loss 10 times too small": (
        {"energy_variance": lambda x: x["energy_variance"] / 10},
        {*MIX, STATEMENT.format("Var L")},
        KINDS,
    ),
    "variance of the loss 10 % too large": (
        {"energy_variance": lambda x: 1.1 * x["energy_variance"]},
        {STATEMENT.format("Var L")},
        KINDS,
    ),
    "neighbours' entropy 0.1 nat too large": (
        {"direction_entropy_knn": lambda x: x["direction_entropy_knn"] + 0.1},
        {STATEMENT.format("S_kNN")},
        KINDS,
    ),
    "neighbours' entropy moves with the spacing": (
        {"direction_entropy_knn_change": lambda x: x["direction_entropy_knn_change"] + 0.15},
        {"S_kNN is the same at 5 × the spacing"},
        KINDS,
    ),
    "samples that follow each other": (
        {"loss_samples": lambda x: xr.apply_ufunc(np.sort, x["loss_samples"])},
        {"S_dir is the same at 5 × the spacing"},
        KINDS,
    ),
    "a distribution of another shape": (
        {"loss_samples": lambda x: x["loss_samples"] * (0.9 + 0.2 * (x["loss_samples"] > x["loss"]))},
        {DISTRIBUTION, "pairs of temperatures: the slope is Δ(1/T)"},
        KINDS,
    ),
    "radii that remember their start": (
        {"radius": lambda x: x["radius"] * (1 + 0.002 * SIGN)},
        {STARTS, STATEMENT.format("r")},  # whose scores are too small
        KINDS[:2],
    ),
    "energies that remember their start": (
        {"loss": lambda x: x["loss"] * (1 + 0.05 * SIGN)},
        {STARTS, INDEPENDENT, FIT},
        KINDS,
    ),
    "replicas that have not mixed": (
        {"loss": lambda x: x["loss"].mean("replica") + 2.5 * (x["loss"] - x["loss"].mean("replica"))},
        {*MIX, STATEMENT.format("U"), FIT},
        KINDS,
    ),
    "a stream of random numbers that all points share": (
        {"loss": lambda x: x["loss"].mean("replica") * (x["loss"] / x["loss"].mean("replica"))[0, 0]},
        {INDEPENDENT, FIT},
        KINDS,
    ),
}


@pytest.mark.parametrize(
    ("world", "kind"), [(world, kind) for world, (_, _, kinds) in WORLDS.items() for kind in kinds], ids=str
)
def test_wrong_worlds_are_rejected(world, kind):
    changes, claims, _ = WORLDS[world]
    assert set(failed(changed(kind, **changes))) == claims


@pytest.mark.parametrize("kind", KINDS)
def test_one_wrong_point_is_found(kind):
    """An energy that is tripled, and an entropy so small that another state has the least potential."""
    energy = failed(changed(kind, loss=lambda x: x["loss"] * (1 + 2 * at(x, 2, 3))))
    assert {STATEMENT.format("U"), FIT} <= set(energy)
    entropy = failed(changed(kind, direction_entropy=lambda x: x["direction_entropy"] - 3 * at(x, 2, 3)))
    assert {STATEMENT.format("S_dir"), STATEMENT.format("S"), FIT} <= set(entropy)
    assert any(claim.startswith(f"no {'F' if kind.fixes_radius else 'G'} is below") for claim in entropy)


@pytest.mark.parametrize("kind", KINDS)
def test_a_duplicated_replica_is_found(kind):
    data = exact(kind).copy(deep=True)
    for name in data.data_vars:
        if "replica" in data[name].dims:
            data[name][{"replica": 1}] = data[name][{"replica": 0}]
    assert failed(data) == [INDEPENDENT]
    (row,) = [row for row in rows_of(data) if row.claim == INDEPENDENT]
    assert row.measured == "36 runs are equal to another in every quantity"


@pytest.mark.parametrize("kind", KINDS)
def test_an_equation_of_state_that_is_off(kind):
    """A radius (or pressure) whose departure is that of small steps, but 0.2 %."""
    name = "effective_weight_decay" if kind.fixes_radius else "radius"
    claims = failed(changed(kind, **{name: lambda x: 1.002 * x[name]}))
    assert f"pV = RT as η_eff → 0, by {'p' if kind.fixes_radius else 'r'}" in claims


@pytest.mark.parametrize("kind", KINDS)
def test_a_first_law_that_is_off(kind):
    """An entropy that is right at the mean temperature and grows too fast, as that of a step's length does."""
    rate = {FixedLearningRate: "learning_rate"}.get(kind, "effective_learning_rate")
    data = changed(
        kind,
        direction_entropy_knn=lambda x: x["direction_entropy_knn"] + 0.1 * np.log(x[rate] / 1e-2),
    )
    assert "first law: ΔS_kNN = ∫dU/T" in failed(data)


@pytest.mark.parametrize(
    ("kind", "name", "claim"),
    [
        (FixedEffectiveLearningRate, "weight_decay", "∂S/∂log λ|η_eff"),
        (FixedLearningRate, "weight_decay", "∂S/∂log λ|η"),
        (FixedLearningRate, "learning_rate", "∂S/∂log η|λ"),
        (FixedSphere, "radius", "∂S/∂log r|η_eff"),
    ],
)
def test_a_wrong_maxwell_slope_is_rejected(kind, name, claim):
    tilted = changed(kind, log_radius=lambda x: x["log_radius"] + 0.01 * np.log(x[name]))
    assert f"Maxwell: {claim}" in failed(tilted)


@pytest.mark.parametrize("kind", KINDS[:2])
def test_a_slope_that_is_less_sharp_than_the_papers_fails(kind):
    """Its error grows with those of the entropy; the paper's is 0.0052, or 0.0071."""
    claim = {FixedEffectiveLearningRate: "∂S/∂log λ|η_eff", FixedLearningRate: "∂S/∂log λ|η"}[kind]

    def wider(x):
        return x["log_radius"] + xr.DataArray(
            0.4 * np.random.default_rng(0).normal(size=x["log_radius"].shape), dims=x["log_radius"].dims
        )

    (row,) = [row for row in rows_of(changed(kind, log_radius=wider)) if row.claim == f"Maxwell: {claim}"]
    assert row.p_value > 1e-4
    assert not row.passed


@pytest.mark.parametrize("kind", KINDS)
def test_derivation_alone_fails(kind, monkeypatch):
    """One value of one point, beyond 1e-5; a NaN; and a derivation whose steps do not hold."""
    verified = symbolic.derive(kind.name).verify()
    monkeypatch.setattr("thermo_ideal.symbolic.Derivation.verify", lambda self: verified)
    comparison = compare(exact(kind))
    claim = f"derived T and {'p' if kind.fixes_radius else 'r'} are those predicted"

    def row(name, factor):
        kept = comparison.state[name]
        state = kept.copy()
        state[2, 3] *= factor
        comparison.state[name] = state
        (found,) = REQUIREMENTS[0](comparison)
        comparison.state[name] = kept
        assert found.claim == claim
        return found.passed

    for name in ("temperature", comparison.protocol.mechanical_response):
        assert row(name, 1 + 9e-6)
        assert not row(name, 1 + 1.2e-5)
        assert not row(name, 1 - 1.2e-5)
        assert not row(name, np.nan)

    def fail(self):
        raise VerificationError("step 3 fails")

    monkeypatch.setattr("thermo_ideal.symbolic.Derivation.verify", fail)
    (found,) = REQUIREMENTS[0](comparison)
    assert (found.passed, found.measured) == (False, "step 3 fails")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_is_lost_is_counted_and_costs_no_other_row(kind, bad):
    """Two replicas of one point in any quantity: the point is left out, and the verdict fails by this row alone."""
    for name in ("loss", "direction_entropy", "direction_entropy_knn", "log_radius"):
        data = exact(kind).copy(deep=True)
        data[name][1, 2, 3] = bad
        data["loss"][1, 2, 5] = bad
        comparison = compare(data)
        assert comparison.stationary.sum() == SIZE - 1
        (row,) = [row for row in rows_of(data) if not row.passed]
        assert row == Row("no run is NaN or infinite", "2 of 288 runs, at 1 grid points", "none", False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("times", [9.99, np.nan])
def test_a_short_burn_in_fails_and_its_points_are_left_out(kind, times):
    data = exact(kind).copy(deep=True)
    data["burn_in_relaxation_times"][0] = times
    assert failed(data) == ["the burn-in is long enough"]
    assert compare(data).stationary.sum() == SIZE - POINTS


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_to_judge_is_not_good(kind):
    """No row is silently missing: what cannot be judged has not passed, and is told from what fails."""
    data = exact(kind).copy(deep=True)
    data["burn_in_relaxation_times"][:] = np.nan
    rows = rows_of(data)
    assert [row.claim for row in rows if row.passed] == ["no run is NaN or infinite"]
    assert [row.claim for row in rows if row.evaluated and not row.passed] == ["the burn-in is long enough"]
    tree = xr.DataTree.from_dict({kind.name: data})
    for requirement in REQUIREMENTS[2:]:
        assert not verify(tree, protocols=[kind], requirements=[requirement]).passed
    nothing = verify(tree, protocols=[kind], requirements=[lambda comparison: []])
    assert not nothing.passed
    assert nothing.summary == f"FAILED: nothing was required of {kind.name}"


def test_what_all_protocols_share_is_seen():
    """0.005 nat at all points of all protocols, too little for any one of them."""

    def rows(shift):
        data = {
            kind.name: changed(kind, direction_entropy_knn=lambda x: x["direction_entropy_knn"] + shift)
            for kind in KINDS
        }
        return {row.claim: row for row in protocols_agree_with_discrete_law({k: compare(d) for k, d in data.items()})}

    right, wrong = rows(0.0), rows(0.05)
    assert len(right) == 5
    assert all(row.passed for row in right.values())
    claim = STATEMENT.format("S_kNN")
    assert [key for key, row in wrong.items() if not row.passed] == [claim]
    alone = compare(changed(KINDS[0], direction_entropy_knn=lambda x: x["direction_entropy_knn"] + 0.05))
    assert protocols_agree_with_discrete_law({"fixed-elr": alone}) == []
    assert (protocols_agree_with_discrete_law,) == JOINT_REQUIREMENTS


@pytest.mark.parametrize(("sigma", "claims"), [(1.02, {"U", "S_dir", "S", "Var L"}), (0.98, {"U", "S_dir", "S"})])
def test_predictions_for_another_noise_are_rejected(sigma, claims):
    """2 %, which is 4 % of the temperature."""
    comparison = compare(exact(FixedSphere), noise_scale=sigma)
    rows = [row for requirement in REQUIREMENTS[1:] for row in requirement(comparison)]
    assert {STATEMENT.format(symbol) for symbol in claims} <= {row.claim for row in rows if not row.passed}


def test_a_row_is_true_or_false():
    """NaN would be true."""
    with pytest.raises((ValueError, TypeError), match="passed"):
        Row("", "", "", np.nan)
    with pytest.raises(ValueError, match="could not be asked"):
        Row("", "", "", True, evaluated=False)
    with pytest.raises(ValueError, match=r"p_value: got 1\.2"):
        Row("", "", "", True, p_value=1.2)
    row = Row.of_test("claim", "z = nan", float("nan"))
    assert (row.passed, row.p_value) == (False, 0.0)


def test_replicas_of_the_support_are_those_of_the_profile():
    assert exact(FixedSphere).sizes["replica"] == REPLICAS
