"""The main job's verdict, and the wrong worlds that it must reject."""

import numpy as np
import pytest
import xarray as xr

from thermo_ideal.dynamics import FixedLearningRate, FixedSphere
from thermo_ideal.verification import REQUIREMENTS, Row, compare, maxwell_slopes, measured_potentials, verify


def test_quick_profile_passes(quick, quick_results):
    assert quick.status == 0
    verdict = verify(quick_results)
    assert verdict.passed
    assert verdict.false_alarm_rate < 0.01
    assert list(verdict.rows) == ["fixed-elr", "fixed-lr", "fixed-sphere", "all protocols"]
    assert list(verdict.comparisons) == ["fixed-elr", "fixed-lr", "fixed-sphere"]
    assert all(comparison.stationary.all() for comparison in verdict.comparisons.values())


def test_wrong_temperature_fails(quick_results):
    verdict = verify(quick_results, noise_scale=1.1)
    assert not verdict.passed
    for protocol in verdict.comparisons:
        rows = verdict.rows[protocol]
        failed = {row.claim.split()[0] for row in rows if not row.passed}
        assert {"U", "S", "p" if protocol == "fixed-sphere" else "r"} < failed


def test_wrong_dimension_fails(quick_results):
    wrong = quick_results.copy()
    wrong["fixed-elr"].attrs["dimension"] = 4
    assert not verify(wrong, requirements=REQUIREMENTS[1:]).passed
    wrong["fixed-elr"].attrs["dimension"] = 3.5
    with pytest.raises(ValueError, match=r"dimension = 3\.5, expected a whole number"):
        verify(wrong)


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"loss": 1.005, "loss_samples": 1.005}, "U is that of discrete SGD"),
        ({"direction_entropy": 0.005}, "S_dir is the entropy of the law fitted to U"),
        ({"effective_weight_decay": 1.002}, "p is that of discrete SGD"),
    ],
)
def test_what_is_off_a_little_at_all_points_is_seen(quick_results, change, seen):
    """A factor or nats that no point alone can tell."""
    trees = {}
    for name, node in quick_results.children.items():
        data = node.to_dataset().copy(deep=True)
        for variable, by in change.items():
            if variable in data:
                data[variable] = data[variable] + by if by < 0.1 else data[variable] * by
        trees[name] = data
    verdict = verify(xr.DataTree.from_dict(trees), requirements=REQUIREMENTS[1:])
    assert seen in {row.claim for rows in verdict.rows.values() for row in rows if not row.passed}


def test_swapped_protocols_are_seen(quick_results):
    """What was simulated at a fixed effective learning rate, under the name and the axes of a fixed learning rate."""
    data = quick_results["fixed-elr"].to_dataset().rename(effective_learning_rate="learning_rate")
    data.attrs["protocol"] = "fixed-lr"
    verdict = verify(xr.DataTree.from_dict({"fixed-lr": data}), protocols=[FixedLearningRate])
    failed = {row.claim for row in verdict.rows["fixed-lr"] if not row.passed}
    assert {"U is that of discrete SGD", "S is that of discrete SGD", "r is that of discrete SGD"} <= failed


def test_results_of_an_older_version_say_what_they_lack(quick_results):
    old = quick_results["fixed-lr"].to_dataset().drop_vars(["loss_samples", "direction_entropy_knn_change"])
    message = "dataset: got none of the variables direction_entropy_knn_change, loss_samples, .*run it again"
    with pytest.raises(ValueError, match=message):
        compare(old)


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
    with pytest.raises(ValueError, match=r"dataset: .*learning_rate, weight_decay"):
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

    with_own = verify(quick_results, requirements=[*REQUIREMENTS[1:], cold])
    assert with_own.passed
    without = verify(quick_results, requirements=REQUIREMENTS[1:])
    for name in without.comparisons:
        assert with_own.rows[name][-1].claim == "the gas is cold"
        assert with_own.rows[name][:-1] == without.rows[name]
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
    assert len(text) < 8000
    assert verdict._repr_html_().count("<tr>") == 1 + sum(map(len, verdict.rows.values()))
    comparison = repr(verdict.comparisons["fixed-sphere"])
    assert (
        "Comparison, fixed-sphere, d = 3, σ = 1.1: 9 values of effective_learning_rate × 9 values of radius"
        in comparison
    )
    assert len(comparison.splitlines()) == 7
    slope = verdict.slopes["fixed-elr"][0]
    assert repr(slope).startswith(f"Slope, ∂S/∂log λ|η_eff = {slope.value:.3f}"[:-1])
