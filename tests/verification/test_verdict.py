"""The main job's verdict, and the wrong worlds that it must reject."""

import numpy as np
import pytest
import xarray as xr

from thermo_ideal.dynamics import FixedEffectiveLearningRate, FixedLearningRate, FixedSphere
from thermo_ideal.verification import REQUIREMENTS, Row, compare, maxwell_slopes, measured_potentials, verify


def test_quick_profile_passes(quick, quick_results):
    assert quick.status == 0
    verdict = verify(quick_results)
    assert verdict.passed
    assert list(verdict.comparisons) == ["fixed-elr", "fixed-lr", "fixed-sphere"]
    assert all(comparison.stationary.all() for comparison in verdict.comparisons.values())


def test_wrong_temperature_fails(quick_results):
    verdict = verify(quick_results, noise_scale=1.1)
    assert not verdict.passed
    for protocol, rows in verdict.rows.items():
        failed = {row.claim.split()[0] for row in rows if not row.passed}
        assert {"U", "S", "p" if protocol == "fixed-sphere" else "r"} < failed


def test_wrong_dimension_fails(quick_results):
    wrong = quick_results.copy()
    wrong["fixed-elr"].attrs["dimension"] = 4
    assert not verify(wrong).passed


def judge_shifted(results, protocol, name, change):
    """The claims that fail when one variable of one protocol is changed."""
    data = results[protocol.name].to_dataset().copy(deep=True)
    data[name] = change(data)
    verdict = verify(xr.DataTree.from_dict({protocol.name: data}), protocols=[protocol])
    return [row.claim for row in verdict.rows[protocol.name] if not row.passed]


def test_wrong_radius_fails(quick_results):
    failed = judge_shifted(quick_results, FixedLearningRate, "radius", lambda data: 1.01 * data["radius"])
    assert failed == ["r is that of discrete SGD"]


def test_unequilibrated_starts_fail(quick_results):
    def change(data):
        return data["radius"] * xr.where(data["started_inside"], 0.99, 1.01)

    assert "starts inside and outside agree" in judge_shifted(
        quick_results, FixedEffectiveLearningRate, "radius", change
    )


def test_unequilibrated_directions_fail_on_the_sphere(quick_results):
    def change(data):
        return data["loss"] * xr.where(data["started_inside"], 0.9, 1.1)

    assert "starts inside and outside agree" in judge_shifted(quick_results, FixedSphere, "loss", change)


def test_wrong_maxwell_slope_fails(quick_results):
    def change(data):
        return data["direction_entropy"] + 0.01 * np.log(data["weight_decay"])

    failed = judge_shifted(quick_results, FixedEffectiveLearningRate, "direction_entropy", change)
    assert any(claim.startswith("Maxwell") for claim in failed)


def test_a_state_of_too_little_entropy_is_not_stationary_in_the_potential(quick_results):
    """Shrink the entropy of the coldest points: their own potential is then no longer the least."""

    def change(data):
        return data["direction_entropy"] - 3 * (data["effective_learning_rate"] < 0.01)

    failed = judge_shifted(quick_results, FixedEffectiveLearningRate, "direction_entropy", change)
    assert "no G is below that of the point itself" in failed


def test_short_burn_in_is_left_out_and_said(quick_results):
    data = quick_results["fixed-elr"].to_dataset().copy(deep=True)
    data["burn_in_relaxation_times"][0] = 1.0
    verdict = verify(xr.DataTree.from_dict({"fixed-elr": data}), protocols=[FixedEffectiveLearningRate])
    assert verdict.comparisons["fixed-elr"].stationary.sum() == 72
    assert any("9 points with a short burn-in left out" in row.claim for row in verdict.rows["fixed-elr"])


@pytest.mark.parametrize("points", [0, 1])
def test_a_run_that_is_hardly_anywhere_stationary_fails(quick_results, points):
    data = quick_results["fixed-elr"].to_dataset().copy(deep=True)
    data["burn_in_relaxation_times"][:] = 1.0
    data["burn_in_relaxation_times"][:points, :points] = 6.0
    verdict = verify(xr.DataTree.from_dict({"fixed-elr": data}), protocols=[FixedEffectiveLearningRate])
    assert not verdict.passed


def test_equation_of_state_within_two_per_cent_where_cold(quick_results):
    for node in quick_results.children.values():
        comparison = compare(node.to_dataset())
        cold = comparison.effective_learning_rate <= 0.02 * (1 + 1e-6)
        assert np.abs(comparison.mechanical.departure[cold]).max() < 0.02
        assert (np.abs(comparison.mechanical.departure) < comparison.effective_learning_rate)[~cold].all()


def test_maxwell_slopes_are_sharper_than_the_papers(quick_results):
    slopes = {
        slope.name: slope
        for node in quick_results.children.values()
        for slope in maxwell_slopes(compare(node.to_dataset()))
    }
    assert len(slopes) == 5
    for name, theory, error in (("∂S/∂log λ|η_eff", -1, 0.0052), ("∂S/∂log λ|η", 0, 0.0071), ("∂S/∂log η|λ", 1, 0.009)):
        assert abs(slopes[name].theory - theory) < 1e-6
        assert abs(slopes[name].z_score) < 3
        assert slopes[name].standard_error <= error
        assert abs(slopes[name].exact - theory) < 3e-4  # the fit itself is unbiased


def test_potentials_have_the_grid_squared(quick_results):
    assert measured_potentials(compare(quick_results["fixed-sphere"].to_dataset())).shape == (81, 81)


def test_wrong_results():
    with pytest.raises(ValueError, match=r"results: got the datasets \[\].*fixed-elr, fixed-lr, fixed-sphere"):
        verify(xr.DataTree())
    empty = xr.Dataset()
    with pytest.raises(ValueError, match=r"dataset: .*protocol, dimension, noise_scale"):
        verify(xr.DataTree.from_dict({"fixed-lr": empty}), protocols=[FixedLearningRate])
    empty.attrs = {"protocol": "fixed-lr", "dimension": 3, "noise_scale": 1.0}
    with pytest.raises(ValueError, match=r"dataset: .*learning_rate, weight_decay, loss"):
        verify(xr.DataTree.from_dict({"fixed-lr": empty}), protocols=[FixedLearningRate])
    with pytest.raises(ValueError, match="protocol: got 'fixed-sphere', expected 'fixed-lr'"):
        compare(empty, protocol=FixedSphere)
    empty.attrs["protocol"] = "fixed-speed"
    with pytest.raises(ValueError, match="protocol: got 'fixed-speed'"):
        compare(empty)


def test_a_missing_protocol_is_not_passed_over(quick_results):
    partial = xr.DataTree.from_dict({"fixed-lr": quick_results["fixed-lr"].to_dataset()})
    with pytest.raises(ValueError, match="results: got the datasets"):
        verify(partial)


def test_requirements_are_a_list(quick_results):
    def cold(comparison):
        hottest = float(comparison.state["temperature"].max())
        return [Row("the gas is cold", f"T ≤ {hottest:.3g}", "T ≤ 0.1", hottest <= 0.1)]

    def hot(comparison):
        return [Row("the gas is hot", "", "", False)]

    with_own = verify(quick_results, requirements=[*REQUIREMENTS, cold])
    assert with_own.passed
    assert all(rows[-1].claim == "the gas is cold" for rows in with_own.rows.values())
    for name, rows in verify(quick_results).rows.items():
        assert with_own.rows[name][:-1] == rows
    wrong = verify(quick_results, requirements=[cold, hot])
    assert not wrong.passed
    assert [row.passed for row in wrong.rows["fixed-lr"]] == [True, False]


def test_instances_serve_as_well_as_classes(quick_results):
    one = verify(quick_results, protocols=[FixedLearningRate], requirements=REQUIREMENTS[1:])
    two = verify(quick_results, protocols=[FixedLearningRate(0.1, 0.1)], requirements=REQUIREMENTS[1:])
    assert one.rows == two.rows


def test_as_text(quick_results):
    verdict = verify(quick_results, noise_scale=1.1, requirements=REQUIREMENTS[1:])
    text = repr(verdict)
    assert text.startswith("Verdict, FAILED: ")
    assert "U is that of discrete SGD" in text
    assert len(text) < 5000
    assert verdict._repr_html_().count("<tr>") == 1 + sum(map(len, verdict.rows.values()))
    comparison = repr(verdict.comparisons["fixed-sphere"])
    assert (
        "Comparison, fixed-sphere, d = 3, σ = 1.1: 9 values of effective_learning_rate × 9 values of radius"
        in comparison
    )
    assert len(comparison.splitlines()) == 6
    slope = verdict.slopes["fixed-elr"][0]
    assert repr(slope).startswith(f"Slope, ∂S/∂log λ|η_eff = {slope.value:.3f}"[:-1])
