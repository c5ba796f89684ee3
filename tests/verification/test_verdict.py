"""The main job's verdict, and the wrong worlds that it must reject."""

import numpy as np
import pytest
import xarray as xr

from thermo_ideal.verification import compare, maxwell_slopes, potentials, verify


def test_quick_profile_passes(quick, quick_results):
    assert quick.status == 0
    verdict = verify(quick_results)
    assert verdict.passed
    assert list(verdict.comparisons) == ["fixed-elr", "fixed-lr", "fixed-sphere"]
    assert all(comparison.stationary.all() for comparison in verdict.comparisons.values())


def test_wrong_temperature_fails(quick_results):
    verdict = verify(quick_results, noise_scale=1.1)
    assert not verdict.passed
    failed = {(row.protocol, row.claim.split()[0]) for row in verdict.requirements if not row.passed}
    for protocol in verdict.comparisons:
        assert {(protocol, "U"), (protocol, "S")} < failed
        assert (protocol, "p" if protocol == "fixed-sphere" else "r") in failed


def test_wrong_dimension_fails(quick_results):
    wrong = quick_results.copy()
    wrong["fixed-elr"].attrs["dimension"] = 4
    assert not verify(wrong).passed


def judge_shifted(results, protocol, name, change):
    """The claims that fail when one variable of one protocol is changed."""
    data = results[protocol].to_dataset().copy(deep=True)
    data[name] = change(data)
    verdict = verify(xr.DataTree.from_dict({protocol: data}), protocols=[protocol])
    return [row.claim for row in verdict.requirements if not row.passed]


def test_wrong_radius_fails(quick_results):
    failed = judge_shifted(quick_results, "fixed-lr", "radius", lambda data: 1.01 * data["radius"])
    assert failed == ["r is that of discrete SGD"]


def test_unequilibrated_starts_fail(quick_results):
    def change(data):
        return data["radius"] * xr.where(data["started_inside"], 0.99, 1.01)

    assert "starts inside and outside agree" in judge_shifted(quick_results, "fixed-elr", "radius", change)


def test_unequilibrated_directions_fail_on_the_sphere(quick_results):
    def change(data):
        return data["loss"] * xr.where(data["started_inside"], 0.9, 1.1)

    assert "starts inside and outside agree" in judge_shifted(quick_results, "fixed-sphere", "loss", change)


def test_wrong_maxwell_slope_fails(quick_results):
    def change(data):
        return data["direction_entropy"] + 0.01 * np.log(data["weight_decay"])

    failed = judge_shifted(quick_results, "fixed-elr", "direction_entropy", change)
    assert any(claim.startswith("Maxwell") for claim in failed)


def test_a_state_of_too_little_entropy_is_not_stationary_in_the_potential(quick_results):
    """Shrink the entropy of the coldest points: their own potential is then no longer the least."""

    def change(data):
        return data["direction_entropy"] - 3 * (data["effective_learning_rate"] < 0.01)

    failed = judge_shifted(quick_results, "fixed-elr", "direction_entropy", change)
    assert "no G is below that of the point itself" in failed


def test_short_burn_in_is_left_out_and_said(quick_results):
    data = quick_results["fixed-elr"].to_dataset().copy(deep=True)
    data["burn_in_relaxation_times"][0] = 1.0
    verdict = verify(xr.DataTree.from_dict({"fixed-elr": data}), protocols=["fixed-elr"])
    assert verdict.comparisons["fixed-elr"].stationary.sum() == 72
    assert any("9 points with a short burn-in left out" in row.claim for row in verdict.requirements)


@pytest.mark.parametrize("points", [0, 1])
def test_a_run_that_is_hardly_anywhere_stationary_fails(quick_results, points):
    data = quick_results["fixed-elr"].to_dataset().copy(deep=True)
    data["burn_in_relaxation_times"][:] = 1.0
    data["burn_in_relaxation_times"][:points, :points] = 6.0
    verdict = verify(xr.DataTree.from_dict({"fixed-elr": data}), protocols=["fixed-elr"])
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
    assert potentials(compare(quick_results["fixed-sphere"].to_dataset())).shape == (81, 81)


def test_wrong_results():
    with pytest.raises(ValueError, match="expected fixed-elr, fixed-lr, fixed-sphere"):
        verify(xr.DataTree())
    empty = xr.Dataset()
    with pytest.raises(ValueError, match="attributes protocol, dimension, noise_scale are missing"):
        verify(xr.DataTree.from_dict({"fixed-lr": empty}), protocols=["fixed-lr"])
    empty.attrs = {"protocol": "fixed-lr", "dimension": 3, "noise_scale": 1.0}
    with pytest.raises(ValueError, match="variables learning_rate, weight_decay, loss"):
        verify(xr.DataTree.from_dict({"fixed-lr": empty}), protocols=["fixed-lr"])
    empty.attrs["protocol"] = "fixed-speed"
    with pytest.raises(ValueError, match="got the protocol 'fixed-speed'"):
        compare(empty)


def test_a_missing_protocol_is_not_passed_over(quick_results):
    partial = xr.DataTree.from_dict({"fixed-lr": quick_results["fixed-lr"].to_dataset()})
    with pytest.raises(ValueError, match="got the datasets"):
        verify(partial)
