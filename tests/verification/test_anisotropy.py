"""Anisotropic noise: what it breaks, what it cannot, and that the diagnostic tells the two apart."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.statistics import Z_MAX, assert_estimate, assert_mean, assert_rejects
from tests.support.systems import toy
from thermo_ideal import dynamics as dyn
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.estimators import Estimate, isotropy, spherical_entropy
from thermo_ideal.experiments import anisotropy_scan
from thermo_ideal.integrators import EulerMaruyama, simulate
from thermo_ideal.verification import cold_law, diagnose_anisotropy, stationary_law

MU = np.eye(3)[0]


def rayleigh(curvature):
    """`½ wᵀAw/|w|²`, least at `e_1`, with a given Hessian there."""
    A = jnp.zeros((len(curvature) + 1,) * 2).at[1:, 1:].set(jnp.asarray(curvature))
    return dyn.ScaleInvariantLoss(lambda w: w @ A @ w / 2 / jnp.sum(w**2), len(A))


def tangent_noise(covariance):
    """Noise with a given covariance at `e_1`."""
    d = len(covariance) + 1
    return dyn.AnisotropicNoise(np.zeros(d), np.vstack([np.zeros(d - 1), np.linalg.cholesky(covariance)]))


@pytest.mark.parametrize(("d", "ratio"), [(3, 1.0), (3, 0.6), (5, 0.26), (30, 0.1)])
def test_spiked_noise(d, ratio):
    noise = dyn.spiked_noise(ratio, d, trace=3.0)
    at_mu = isotropy(noise, np.eye(d)[0])
    assert np.isclose(at_mu.mean_participation_ratio, ratio, rtol=1e-5)
    assert np.isclose(at_mu.mean_trace, 3, rtol=1e-5)
    assert np.isclose(noise.scale**2 * noise.variance.sum() * (1 - 1 / d), 3, rtol=1e-5)  # over the sphere
    assert np.isclose(noise.variance.max(), 1)


@pytest.mark.parametrize("seed", range(2))
def test_cold_energy_is_blind_and_entropy_is_not(seed):
    """`U = RT` for any Hessian and noise; the entropy is the gas's for isotropic noise only, also not for `Σ ∝ H`."""
    d, eta = 3, 0.01
    a, b = np.random.default_rng(seed).normal(size=(2, d - 1, d - 1))
    H, sigma = a @ a.T + np.eye(d - 1), b @ b.T + np.eye(d - 1) / 4
    for covariance, gas in ((sigma, False), (H, False), (np.eye(d - 1), True)):
        law = cold_law(rayleigh(H), tangent_noise(covariance), np.eye(d)[0], eta)
        T = eta * np.trace(covariance) / (2 * (d - 1))
        assert np.isclose(law.internal_energy, (d - 1) * T / 2, rtol=1e-4)
        deficit = ((d - 1) * np.log(2 * np.pi * np.e * T) - np.linalg.slogdet(H)[1]) / 2 - law.direction_entropy
        assert abs(deficit) < 1e-4 if gas else deficit > 1e-3


def test_cold_law_of_sgd():
    """Neither the Hessian nor the noise isotropic, nor of the same axes; `T = 5·10⁻⁵`, and steps that matter."""
    eta, H, sigma = 0.1, np.array([[1.0, 0.6], [0.6, 2.0]]), 1e-3 * np.array([[2.0, -0.8], [-0.8, 0.6]])
    loss, noise = rayleigh(H), tangent_noise(sigma)
    start = jnp.broadcast_to(jnp.asarray(MU, jnp.float32), (32, 3))
    integrator = EulerMaruyama(dyn.SGD(loss, noise, dyn.FixedSphere(eta, 1.0)))
    run = simulate(jax.random.key(0), integrator, start, 21_000, burn_in=1000, save=40, stride=2)
    samples = np.moveaxis(run.samples.astype(np.float64), 0, 1)
    samples /= np.linalg.norm(samples, axis=-1, keepdims=True)
    entropy = spherical_entropy(samples, k=4)

    def check(noise, discrete=True):
        law = cold_law(loss, noise, MU, eta, discrete)
        assert_estimate(Estimate(run.mean("loss")), law.internal_energy)
        for i, j in ((1, 1), (1, 2), (2, 2)):
            assert_estimate(Estimate((samples[..., i] * samples[..., j]).mean(axis=1)), law.covariance[i, j])
        # The bias of nearest neighbours, from as many samples of the same normal law.
        exact = np.random.default_rng(1).multivariate_normal(MU, law.covariance, samples.shape[:2])
        same = spherical_entropy(exact / np.linalg.norm(exact, axis=-1, keepdims=True), k=4)
        assert_estimate(same, law.direction_entropy)
        assert abs(entropy.z_score_between(same)) < Z_MAX

    check(noise)
    assert_rejects(check, noise, False)
    assert_rejects(check, dyn.IsotropicNoise(np.sqrt(np.trace(sigma) / 2)))


@pytest.mark.parametrize(
    ("protocol", "other", "stretch"),
    [
        (dyn.FixedEffectiveLearningRate(0.05, 0.01), dyn.FixedEffectiveLearningRate(0.05, 0.04), 0.5),
        (dyn.FixedLearningRate(0.05, 0.01), dyn.FixedLearningRate(0.2, 0.0025), 2.0),
    ],
)
def test_maxwell_relations_are_scaling(protocol, other, stretch):
    """Bit for bit the same directions, so they hold for any noise and loss, and can detect nothing."""
    loss = rayleigh(np.array([[1.0, 0.6], [0.6, 2.0]]))
    noise = dyn.CustomNoise(lambda w, xi: xi[:3] * (1 + w) + w[::-1] * xi[3], size=4)
    start = jnp.array([[1.0, 0.5, 0.2]])

    def run(protocol, start):
        integrator = EulerMaruyama(dyn.SGD(loss, noise, protocol))
        return simulate(jax.random.key(1), integrator, start, 2048, burn_in=64, save=32)

    one, two = run(protocol, start), run(other, stretch * start)
    assert np.array_equal(stretch * one.samples, two.samples)
    assert one.mean("loss") == two.mean("loss")
    unlike = protocol.replace(**{protocol.hyperparameters()[0]: jnp.asarray(0.2)})
    assert not np.array_equal(stretch * one.samples, run(unlike, stretch * start).samples)


def test_energy_departs_in_proportion_to_temperature():
    """`U/RT = 1 + T/2PR − (d−1)T/4`: against isotropic noise of the same `T` and steps, `(T/2)(1/PR − 1)`."""
    eta, ratio = 0.05, 0.55
    start = jnp.broadcast_to(jnp.asarray(MU, jnp.float32), (256, 3))

    def energy(ratio):
        """`U/RT` of each replica, and the mean `T`."""
        noise = dyn.spiked_noise(ratio, 3, trace=6.4)
        integrator = EulerMaruyama(dyn.SGD(dyn.VonMisesFisherLoss(MU), noise, dyn.FixedSphere(eta, 1.0)))
        run = simulate(jax.random.key(2), integrator, start, 20_800, burn_in=800, save=80, stride=4)
        directions = run.samples / np.linalg.norm(run.samples, axis=-1, keepdims=True)
        T = eta * isotropy(noise, directions).trace.mean(axis=0) / 4
        return run.mean("loss") / T, T.mean()

    (isotropic, _), (anisotropic, T) = energy(1.0), energy(ratio)
    assert_mean(isotropic, 1 + eta / 2, bias=eta * T)  # at d = 3 the SDE's is 1 to all orders of T
    departure, exact = anisotropic - isotropic.mean(), T / 2 * (1 / ratio - 1)
    assert_mean(departure, exact, bias=T**2)
    assert_rejects(assert_mean, departure, 0.0, T**2)
    assert_rejects(assert_mean, departure, 2 * exact, T**2)


@pytest.fixture(scope="module")
def cold():
    """`T` from 0.005 to 0.02."""
    return anisotropy_scan(jax.random.key(0), [dyn.spiked_noise(ratio, 3, trace=2.0) for ratio in (1.0, 0.6)])


@pytest.fixture(scope="module")
def warm():
    """`T` of 0.3 and 1.2."""
    noises = [dyn.spiked_noise(ratio, 3, trace=240.0) for ratio in (1.0, 0.52)]
    return anisotropy_scan(jax.random.key(1), noises, (0.005, 0.02), mean_direction=MU, replicas=24, samples=1000)


def test_verdict(cold):
    found = diagnose_anisotropy(cold)
    isotropic, strong = found.isel(noise=0), found.isel(noise=1)
    assert isotropic["trusted"].all()
    assert set(isotropic["reason"].to_numpy().flat) == {"U, S and pV are the gas's"}
    for name in ("Z_trace", "Z_scale", "Z_energy", "Z_entropy", "departure_U", "departure_S"):
        assert (np.abs(isotropic[f"{name}_z"]) < Z_MAX).all()
    assert not strong["trusted"].any()
    assert all(reason.startswith("S per degree off by -0.5") for reason in strong["reason"].to_numpy().flat)
    table = found[["Z_trace", "trusted", "reason"]].to_dataframe()
    assert len(table) == 2 * 3 * 2


def test_cold_state_has_the_gas_energy_and_less_than_its_entropy(cold):
    """Radius and energy agree on `T`; the entropy is that of the geometric mean of the variances, which are `1 ± s`."""
    found = diagnose_anisotropy(cold).isel(noise=1)
    assert (np.abs(found["Z_trace_z"]) < Z_MAX).all()
    assert (np.abs(found["departure_U_z"]) < Z_MAX).all()
    s = np.sqrt(1 / 0.6 - 1)
    assert np.allclose(found["Z_scale"], 1 / (1 + s), rtol=0.02)  # the scale is the largest variance
    exact, T = np.log(1 - s**2) / 2, found["temperature"]

    def check(exact):
        assert (np.abs(found["departure_S"] - exact) < Z_MAX * found["departure_S_error"] + T).all()

    check(exact)
    assert_rejects(check, 0.0)
    assert (found["departure_S_z"] < -Z_MAX).all()


def test_the_control_is_off_by_the_steps(cold):
    """Its radius and energy are those of the exact law of discrete SGD, and not those of the SDE."""
    control = cold.isel(noise=0)
    eta, decay = np.meshgrid(control["effective_learning_rate"], control["weight_decay"], indexing="ij")
    law = stationary_law(toy(dyn.FixedEffectiveLearningRate(eta, decay), 1.0), 3)
    assert_estimate(Estimate(control["loss"].to_numpy()), law.mean_loss)
    volume = Estimate(control["volume"].to_numpy())
    assert_estimate(volume, law.mean_radius**2 / 2 * np.ones_like(eta))
    assert_rejects(assert_estimate, volume, eta * 2.0 / (4 * decay))
    offset = diagnose_anisotropy(cold)["Z_trace_offset"]
    T = eta / 2
    assert np.allclose(offset, 1 + eta / 2 + eta * T * (1 - 2), atol=eta.max() ** 2 + 5e-3)


def test_hyperparameter_relations_hold_and_the_slope_does_not(warm):
    found = diagnose_anisotropy(warm)
    assert (np.abs(found["maxwell_z"]) < Z_MAX).all()
    isotropic, strong = found.isel(noise=0), found.isel(noise=1)
    assert (np.abs(isotropic["gibbs_z"]) < Z_MAX).all()
    assert float(strong["gibbs_z"][-1]) < -Z_MAX
    assert float(strong["gibbs"][-1]) < 0.95
    assert isotropic["trusted"].all()
    assert not strong["trusted"].any()
    assert (strong["departure_U"] > Z_MAX * strong["departure_U_error"]).any()


def test_wrong_entropy_slope_fails_the_relation(warm):
    wrong = warm.copy(deep=True)
    wrong["direction_entropy"] = wrong["direction_entropy"] + 0.2 * np.log(wrong["weight_decay"])
    assert (np.abs(diagnose_anisotropy(wrong)["maxwell_z"]) > Z_MAX).any()


def test_no_law_has_more_entropy_than_the_gas_of_its_energy(warm):
    """`T_S ≤ T_U`; and an excess is seen."""
    found = diagnose_anisotropy(warm)

    def check(found):
        error = np.hypot(found["Z_energy_error"], found["Z_entropy_error"])
        assert (found["Z_entropy"] > found["Z_energy"] - Z_MAX * error).all()

    check(found)
    wrong = warm.copy(deep=True)
    wrong["direction_entropy"][1:] += 1.2
    assert_rejects(check, diagnose_anisotropy(wrong))


def test_wrong_covariance_is_rejected(cold):
    """A trace that is not that of the noise which acts puts the radius out of balance."""
    wrong = cold.copy(deep=True)
    wrong["noise_trace"][1] *= 1.2
    found = diagnose_anisotropy(wrong).isel(noise=0)
    assert not found["trusted"].any()
    assert all("Z by trace off by -0.16" in reason for reason in found["reason"].to_numpy().flat)


def test_a_poor_measurement_is_no_consent(cold):
    strict = diagnose_anisotropy(cold, tolerance=0.01).isel(noise=0)
    assert not strict["trusted"].any()
    assert all("raise samples" in reason for reason in strict["reason"].to_numpy().flat)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["loss", "volume", "direction_entropy", "noise_trace", "participation_ratio"])
@pytest.mark.parametrize("noise", [0, 1])
def test_a_replica_that_is_no_number_is_never_trusted(cold, name, noise, bad):
    """One of 16 replicas, of the control or of the isotropic noise beside it, at one point; the others stay as good."""
    wrong = cold.copy(deep=True)
    wrong[name][noise, 1, 0, 3] = bad
    found = diagnose_anisotropy(wrong).isel(noise=0)
    judged = noise == 0 or name != "participation_ratio"
    assert bool(found["trusted"][1, 0]) != judged
    assert found["trusted"].sum() == found["trusted"].size - judged
    if judged:
        assert "is no number, in at least one replica" in str(found["reason"][1, 0].to_numpy())
        assert str(found["reason"][1, 0].to_numpy()).startswith("the control: ") == (noise == 0)


@pytest.mark.parametrize(
    ("name", "change", "what", "expected"),
    [
        ("loss", lambda x: 3 * x, "U per degree", 2.0),
        ("loss", lambda x: x / 1.2, "U per degree", -1 / 6),
        ("volume", lambda x: 1.2 * x, "Z by trace", 0.2),
        ("noise_trace", lambda x: 1.3 * x, "Z by trace", 1 / 1.3 - 1),
        ("direction_entropy", lambda x: x + 0.5, "S per degree", 0.5),
        ("participation_ratio", lambda x: 0.8 * x, "its participation ratio", -0.2),
    ],
)
def test_what_is_wrong_with_all_runs_is_seen_by_the_control(cold, name, change, what, expected):
    """Its own error would be taken off from the others', which are then all as they should be."""
    found = diagnose_anisotropy(cold.assign({name: change(cold[name])}))
    assert not found["trusted"].any()
    for text in found["reason"].to_numpy().flat:
        (value,) = re.findall(rf"the control: {what} off by ([-+][\d.]+)", text)
        assert float(value) == pytest.approx(expected, rel=0.15), text


def test_what_the_control_bears_is_within_the_tolerance(cold):
    """Both sides of it: energies 5 % too large are borne, 20 % are not."""
    for factor, borne in ((1.05, True), (1.2, False)):
        found = diagnose_anisotropy(cold.assign(loss=factor * cold["loss"]))
        assert (found["control_reason"] == "U, S and pV are the gas's").all() == borne


def test_the_control_is_the_one_that_is_marked(cold):
    """Wherever it stands; without it the first noise is not taken for it."""
    expected = diagnose_anisotropy(cold)
    moved = diagnose_anisotropy(cold.isel(noise=[1, 2, 0]).transpose("replica", ...))
    for name in ("Z_trace", "departure_S", "reason", "maxwell_z", "gibbs"):
        assert moved[name].equals(expected[name])
    for wrong, message in (
        (cold.isel(noise=[1, 2]), "got 2 noises with 0 marked as the control"),
        (cold.isel(noise=[0]), "got 1 noises with 1 marked"),
        (cold.isel(noise=[0, 0, 1]), "got 3 noises with 2 marked"),
        (cold.drop_vars("control"), "got 3 noises with 0 marked"),
        (cold.assign(noise_trace=np.nan * cold["noise_trace"]), "got no noise_trace that is a number > 0"),
    ):
        with pytest.raises(ValueError, match=message):
            diagnose_anisotropy(wrong)


def test_an_energy_that_no_gas_has_has_no_temperature(cold):
    wrong = cold.copy(deep=True)
    wrong["loss"][1] = 1.5
    found = diagnose_anisotropy(wrong)
    assert np.isnan(found["Z_energy"][0]).all()
    assert np.isfinite(found["Z_energy"][1]).all()
    assert not found["trusted"][0].any()


def test_units_and_errors(cold):
    assert cold["noise_trace"].attrs["units"] == "loss^2"
    assert cold["effective_learning_rate"].attrs == {"units": "1/loss", "symbol": "η_eff"}
    assert np.allclose(cold["loss_error"], cold["loss"].std("replica", ddof=1) / np.sqrt(16))
    assert np.allclose(cold["participation_ratio"].isel(noise=0), 1, rtol=1e-5)
    with jax.enable_x64(True):
        energy = vmf.one_minus_mean_resultant_length(3, temperature=0.005)
    assert np.allclose(cold["loss"].isel(noise=0, effective_learning_rate=0).mean(), energy, rtol=0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dyn.spiked_noise(0.5, 3), "participation_ratio: got 0.5, expected above"),
        (lambda: dyn.spiked_noise(1.1, 3), "participation_ratio: got 1.1"),
        (lambda: dyn.spiked_noise(1.0, 2), "dimension: got 2"),
        (lambda: dyn.spiked_noise(1.0, 3, trace=0.0), "trace: got 0"),
        (
            lambda: cold_law(dyn.VonMisesFisherLoss(MU), dyn.IsotropicNoise(), -MU, 0.1),
            "minimum: got a point where the Hess",
        ),
        (
            lambda: cold_law(dyn.VonMisesFisherLoss(MU), dyn.IsotropicNoise(), MU, 2.0, True),
            "effective_learning_rate: got 2, expected less than 2/1",
        ),
        (lambda: anisotropy_scan(jax.random.key(0), []), r"noises: got traces \[\]"),
        (
            lambda: anisotropy_scan(jax.random.key(0), [dyn.IsotropicNoise(1.0), dyn.IsotropicNoise(2.0)]),
            r"noises: got traces \[2.0, 8.0\]",
        ),
        (lambda: anisotropy_scan(jax.random.key(0), [dyn.IsotropicNoise(10.0)]), "got η_eff² Tr Σ = 0.32"),
        (lambda: anisotropy_scan(jax.random.key(0), [dyn.IsotropicNoise()], replicas=1), "replicas: got 1"),
        (
            lambda: anisotropy_scan(jax.random.key(0), [dyn.IsotropicNoise()], [-0.1]),
            "effective_learning_rate: got -0.1",
        ),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_wrong_data(cold):
    with pytest.raises(ValueError, match="data: got no noise_trace"):
        diagnose_anisotropy(cold.drop_vars("noise_trace"))
    with pytest.raises(ValueError, match="tolerance: got 0"):
        diagnose_anisotropy(cold, tolerance=0.0)
