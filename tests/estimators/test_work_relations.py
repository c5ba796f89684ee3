"""Fluctuation relations and the slow limit, on synthetic works and on SGD whose temperature is switched."""

import jax
import numpy as np
import pytest

from tests.support.statistics import Z_MAX, assert_estimate, assert_mean, assert_rejects, assert_variance
from thermo_ideal.distributions import Zonal
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.estimators import Estimate, crooks, jarzynski, slow_limit
from thermo_ideal.experiments import measure_work
from thermo_ideal.integrators import EulerMaruyama, ZonalEulerMaruyama


def assert_scores(z):
    worst = np.max(np.abs(z))
    assert worst < Z_MAX, f"|z| = {worst:.1f}"


def switched(d, rate, hot, cold, steps, seed, replicas=1024, whole=False):
    """Reduced work of a geometric ramp of the temperature on the fixed sphere, from equilibrium at its beginning."""
    sigma = (2 * (hot * cold) ** 0.5 / rate) ** 0.5
    loss = VonMisesFisherLoss(np.eye(d)[0] if whole else None)
    protocol = FixedSphere(lambda n: 2 * hot / sigma**2 * (cold / hot) ** ((n + 1) / steps), 1.0)
    sgd = SGD(loss, IsotropicNoise(sigma), protocol)
    start, noise = jax.random.split(jax.random.key(seed))
    law = Zonal.linear(d, hot)
    if whole:
        chain, position = EulerMaruyama(sgd), law.about(np.eye(d)[0]).sample(start, (replicas,))
    else:
        chain = ZonalEulerMaruyama(sgd, d)
        position = chain.start(1.0, depth=law.sample_depth(start, (replicas,)))
    return measure_work(noise, chain, position, steps, initial=FixedSphere(2 * hot / sigma**2, 1.0)).reduced_work[-1]


def difference(d, hot, cold):
    """`Δφ = −log Z(β_f)/Z(β_i)`."""
    return float(vmf.log_normalizer_scaled(d, temperature=cold) - vmf.log_normalizer_scaled(d, temperature=hot))


@pytest.mark.parametrize(
    ("d", "rate", "hot", "cold", "steps", "whole"),
    [
        (3, 2e-3, 0.5, 0.2, 512, False),
        (3, 2e-3, 0.5, 0.2, 512, True),
        (10, 2e-3, 0.1, 0.05, 512, False),
        (1000, 4e-4, 2e-3, 1.8e-3, 4096, False),
    ],
)
def test_switching_the_temperature(d, rate, hot, cold, steps, whole, x64):
    """Against the exact partition functions; the offset of SGD from its SDE, O(η_eff), is below the errors."""
    exact = difference(d, hot, cold)
    forward = switched(d, rate, hot, cold, steps, 1, whole=whole)
    reverse = switched(d, rate, cold, hot, steps, 2, whole=whole)
    relation = crooks(forward, reverse)
    assert_estimate(jarzynski(forward), exact)
    assert_estimate(jarzynski(reverse), -exact)
    assert_estimate(relation.difference, exact)
    assert_estimate(relation.slope, 1.0)
    assert_scores(relation.z_scores())
    assert_scores(relation.z_scores(exact=exact))
    # Negative controls: the mean work, which dissipation keeps above Δφ; σ off by a tenth; the wrong sign; a wrong Δφ.
    assert_rejects(assert_estimate, Estimate(forward), exact)
    assert forward.mean() > exact > -reverse.mean()
    wrong = crooks(forward / 1.21, reverse / 1.21)
    assert_rejects(assert_estimate, wrong.difference, difference(d, 1.21 * hot, 1.21 * cold))
    assert_rejects(assert_estimate, jarzynski(-reverse), exact)
    assert_rejects(assert_scores, relation.z_scores(exact=exact + 0.2))
    # Crooks's relation does not hold between a process and itself.
    assert_rejects(assert_estimate, crooks(forward, -forward).slope, 1.0)


def test_dissipation_falls_as_one_over_the_duration():
    """A cold gas is cooled to half its temperature: `Σ → ∫ C_V (d log T/dt)²/(2η_eff) dt = R log 2/(2η_i τ)`."""
    d, rate, hot, cold = 10, 5e-3, 4e-4, 2e-4
    durations = 64 * np.array([5, 8, 16, 32, 64])
    works = [switched(d, rate, hot, cold, int(tau), 10 + i, replicas=2048) for i, tau in enumerate(durations)]
    dissipated = [Estimate(work - difference(d, hot, cold)) for work in works]
    fit = slow_limit(durations, dissipated)
    coefficient = (d - 1) / 2 * np.log(2) / (2 * rate * 2**0.5)
    assert_scores([fit.z_score(0.0), fit.z_score(coefficient, term=1), fit.fit_score])
    constant = slow_limit(durations, dissipated, powers=())
    for wrong in (fit.z_score(2 * coefficient, term=1), fit.z_score(0.2), constant.fit_score):
        assert_rejects(assert_scores, wrong)


def normal_works(repetitions, n_f, n_r, spread=1.0, seed=0):
    """Works `N(Δφ ± s²/2, s²)`, which fulfil Crooks's relation, at `Δφ = 2`."""
    generator = np.random.default_rng(seed)
    forward = generator.normal(2 + spread**2 / 2, spread, (repetitions, n_f))
    return forward, generator.normal(-2 + spread**2 / 2, spread, (repetitions, n_r))


def test_errors_are_true():
    """Over many repetitions z-scores have mean 0 and variance 1."""
    forward, reverse = normal_works(400, 400, 200)
    relations = [crooks(f, r) for f, r in zip(forward, reverse, strict=True)]
    scores = {
        "jarzynski": jarzynski(forward).z_score(2.0),
        "difference": [x.difference.z_score(2.0) for x in relations],
        "slope": [x.slope.z_score(1.0) for x in relations],
        "acceptance": [x.acceptance(1.0).z_score(2.0) for x in relations],
        "consistency": [x.acceptance(1.5).values - x.difference.values for x in relations],
    }
    scores["consistency"] = [Estimate(x).z_score(0.0) for x in scores["consistency"]]
    for z in scores.values():
        assert_mean(np.asarray(z, float), 0.0, bias=0.1)
        assert_variance(np.asarray(z, float))
    assert_rejects(assert_variance, 2 * np.asarray(scores["slope"], float))


def test_bennett_is_the_most_precise():
    forward, reverse = normal_works(1, 4000, 1000, spread=2.0)
    relation = crooks(forward[0], reverse[0])
    centre = 2.0 - np.log(4000 / 1000)
    errors = relation.acceptance([centre - 3, centre, centre + 3]).standard_error
    assert errors[1] < min(errors[0], errors[2])
    np.testing.assert_allclose(relation.difference.standard_error, errors[1], rtol=1e-2)
    assert relation.difference.standard_error < jarzynski(forward[0]).standard_error


def test_work_that_breaks_the_relation_is_found():
    forward, reverse = normal_works(1, 4000, 4000)
    relation = crooks(2 * forward[0] - 2, 2 * reverse[0] + 2)
    assert_estimate(relation.slope, 0.5)
    assert_rejects(assert_estimate, relation.slope, 1.0)
    assert_rejects(assert_scores, crooks(forward[0], reverse[0] + 0.5).z_scores(exact=2.0))
    assert_rejects(assert_scores, relation.z_scores())


def test_jackknife_takes_the_bias_away():
    work = np.random.default_rng(1).uniform(0, 2.5, (40_000, 100))
    exact = -np.log(-np.expm1(-2.5) / 2.5)
    assert_mean(jarzynski(work).value, exact)
    assert_rejects(assert_mean, -np.log(np.exp(-work).mean(axis=-1)), exact)


def test_slow_limit_finds_what_was_put_in():
    generator = np.random.default_rng(3)
    tau, dt = np.repeat([1.0, 2.0, 4.0, 8.0], 2), np.tile([0.1, 0.2], 4)
    truth = {0: 0.5, 1: 3.0, 2: -1.0, "dt": 2.0}
    mean = truth[0] + truth[1] / tau + truth[2] / tau**2 + truth["dt"] * dt
    scores, chi_square = [], []
    for _ in range(400):
        values = Estimate(mean[:, None] + generator.normal(scale=np.linspace(0.1, 0.3, 8)[:, None], size=(8, 200)))
        fit = slow_limit(tau, values, dt=dt)
        scores.append([fit.z_score(exact, term) for term, exact in truth.items()])
        chi_square.append(fit.chi_square)
    assert fit.terms == (0, 1, 2, "dt")
    assert fit.degrees_of_freedom == 4
    for z in np.transpose(scores):
        assert_mean(z, 0.0)
        assert_variance(z, maximum=1.02)
    assert_mean(np.array(chi_square), 4.0, bias=0.1)
    assert_rejects(assert_scores, slow_limit(tau, values, powers=(1,)).fit_score)


TWO = Estimate(np.array([[1.0, 2.0], [2.0, 4.0]]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: jarzynski(np.arange(1000.0)), r"rests on 2\.\d of 1000 trajectories, expected at least 50"),
        (lambda: jarzynski([1.0]), r"reduced_work: got shape \(1,\)"),
        (lambda: jarzynski([1.0, np.nan]), "reduced_work: got nan"),
        (lambda: crooks([1.0, 2.0], [1.0, 2.0]), "reverse: got −w from -2 to -1, expected some overlap"),
        (lambda: crooks(np.ones((2, 2)), [1.0, 2.0]), r"forward: got shape \(2, 2\), expected \(n,\)"),
        (lambda: slow_limit([1.0, 2.0], TWO), r"durations: got \[1. 2.\], expected at least 3 different"),
        (lambda: slow_limit([1.0], TWO, powers=(1,)), r"durations: got shape \(1,\), expected one for each"),
        (lambda: slow_limit([1.0, 0.0], TWO, powers=(1,)), r"durations: got \[1. 0.\], expected numbers > 0"),
        (
            lambda: slow_limit([1.0, 2.0], TWO, powers=(), dt=[0.1, -1.0]),
            r"dt: got \[ 0.1 -1. \], expected numbers > 0",
        ),
        (lambda: slow_limit([1.0, 2.0], Estimate(np.ones((2, 2)))), "values: got one that is not finite or has no err"),
        (lambda: slow_limit([1.0, 2.0], TWO, powers=()).z_score(term=1), "term: got 1, expected one of 0"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
