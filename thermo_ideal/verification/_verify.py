"""Judging a dataset of the isotropic-noise model, or samples that anyone has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import ArrayLike

from thermo_ideal.dynamics import SGD, AbstractProtocol, FixedEffectiveLearningRate, FixedLearningRate, FixedSphere
from thermo_ideal.dynamics._protocol_kinds import ProtocolKind
from thermo_ideal.verification._compare import compare, set_beside
from thermo_ideal.verification._requirements import JOINT_REQUIREMENTS, REQUIREMENTS, JointRequirement, Requirement
from thermo_ideal.verification._samples import EntropyEstimator, measurements_of
from thermo_ideal.verification._verdict import Verdict, judge

if TYPE_CHECKING:
    import xarray as xr

_PAPER = (FixedEffectiveLearningRate, FixedLearningRate, FixedSphere)


def verify(
    results: xr.DataTree,
    noise_scale: float | None = None,
    protocols: Sequence[ProtocolKind] = _PAPER,
    requirements: Sequence[Requirement] = REQUIREMENTS,
    joint_requirements: Sequence[JointRequirement] = JOINT_REQUIREMENTS,
) -> Verdict:
    """Judges a simulation of the isotropic-noise model against the theory.

    Every row that is a statistical test declares how often it fails although all it asks for holds, one in ten
    thousand times, and the verdict declares the sum. Scores are pooled over the points of the grid, so that what all of
    them share is seen as well as one that is wrong.

    The runs are finite, equilibrated, mixed, long enough and independent. Energy, its variance, entropies, volume and
    radius (or pressure) are those of the exact stationary law of discrete SGD, and the depth has its distribution. What
    is called an entropy does not move with the spacing of its samples, is that of the law fitted to the energy, and
    obeys the first law. Pairs of temperatures have their difference, and small steps lead to thermodynamics. The
    Maxwell relations and the minimum of the potentials hold, which is necessary. The derivation behind the predictions
    is replayed. A row that could not be asked of these data has not passed, and says which data would allow it.

    Args:
        results: a tree of `thermo_ideal.experiments.run_isotropic`.
        noise_scale: `σ` for the predictions; the simulation's own if None. Another value is a negative control.
        protocols: classes of protocols, or instances with the static fields that were simulated, whose datasets to
            judge, by name; each must be there.
        requirements: functions of a `Comparison` that give rows, in their order.
        joint_requirements: functions of all comparisons, by protocol, that give rows about what protocols share.

    Returns:
        A `Verdict`.

    Raises:
        ValueError: the tree has no dataset of a protocol, or one without the attributes that `run_isotropic` writes;
            something else than a protocol; or a requirement that does not know a protocol.

    Example:
        The simulation is judged with predictions for the wrong temperature, by one requirement of the package and one
        of one's own:

        >>> import numpy as np
        >>> from thermo_ideal import dynamics, experiments
        >>> from thermo_ideal.verification import REQUIREMENTS, Row, verify
        >>> rates = np.array([0.05, 0.1, 0.2])
        >>> grid = dynamics.FixedLearningRate(rates[:, None], weight_decay=rates[None, :])
        >>> results = experiments.run_isotropic(experiments.Profile("tiny", points=3, replicas=4, samples=50), [grid])
        >>> def cold(comparison):
        ...     hottest = comparison.state["temperature"].max()
        ...     return [Row("the gas is cold", f"T ≤ {hottest:.3f}", "T ≤ 0.2", bool(hottest <= 0.2))]
        >>> verdict = verify(results, 1.1, protocols=[dynamics.FixedLearningRate], requirements=[REQUIREMENTS[6], cold])
        >>> verdict.passed, verdict.rows["fixed-lr"][-1].passed
        (False, True)
    """
    kinds = _by_name(protocols)
    missing = [name for name in kinds if name not in results.children]
    if missing or not kinds:
        raise ValueError(
            f"results: got the datasets {sorted(results.children)}, expected {', '.join(kinds) or 'a protocol'}; "
            "make them with thermo_ideal.experiments.run_isotropic, or say which to judge, as in "
            "protocols=[FixedLearningRate]"
        )
    comparisons = {name: compare(results[name].to_dataset(), noise_scale, kind) for name, kind in kinds.items()}
    return judge(comparisons, requirements, joint_requirements)


def _by_name(protocols: Sequence[ProtocolKind]) -> dict[str, ProtocolKind]:
    """The protocols by the names of their datasets."""
    for kind in protocols:
        if not issubclass(kind if isinstance(kind, type) else type(kind), AbstractProtocol):
            raise ValueError(
                f"protocols: got {kind!r}, expected classes of protocols, as in protocols=[FixedLearningRate]"
            )
    return {kind.name: kind for kind in protocols}


def verify_samples(
    sgd: SGD,
    dimension: int | None = None,
    *,
    losses: ArrayLike | None = None,
    overlaps: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    radii: ArrayLike | None = None,
    effective_weight_decays: ArrayLike | None = None,
    burn_in: ArrayLike | None = None,
    started_inside: ArrayLike | None = None,
    entropy: EntropyEstimator | None = None,
    requirements: Sequence[Requirement] = REQUIREMENTS,
) -> Verdict:
    """Judges samples of anyone's simulation by the requirements of `verify` that can be asked of them.

    Give what there is; of the rest the verdict says which data would allow to ask. Weights give radii, directions and,
    where the loss has a mean direction, overlaps; overlaps give losses where the loss is a function of them.

    Args:
        sgd: the loss, the noise and the protocol, whose batch is the grid of the samples; `()` for one system.
        dimension: `d`, where the loss has no mean direction.
        losses: thinned losses, `(*grid, replicas, samples)`, about a relaxation time apart.
        overlaps: `m`, of the same shape.
        weights: `(*grid, replicas, samples, d)`.
        radii: `|w|`, `(*grid, replicas, samples)`.
        effective_weight_decays: `(|w'| − r)/(η r)` with `w'` before the rescaling, on the fixed sphere.
        burn_in: steps that were left out before the first sample, a number or one for each point.
        started_inside: which replicas started inside the stationary radius, `(replicas,)`.
        entropy: an estimator of one's own of the entropy of the direction of each run, `(replicas,)`, from unit vectors
            `(replicas, samples, d)`, judged as "S_kNN" in the place of nearest neighbours.
        requirements: functions of a `Comparison` that give rows, in their order.

    Returns:
        A `Verdict`, whose only protocol is that of `sgd`.

    Raises:
        ValueError: shapes that are not those of the grid, nothing to judge, or SGD without a stationary state.

    Example:
        Exact samples of the stationary law, at nine temperatures, as if from a simulation with a small step:

        >>> import jax, jax.numpy as jnp, numpy as np
        >>> from thermo_ideal.distributions import VonMisesFisher
        >>> from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.verification import verify_samples
        >>> rates, mu = np.geomspace(1e-4, 1e-3, 9), np.eye(3)[0]
        >>> sgd = SGD(VonMisesFisherLoss(mu), IsotropicNoise(), FixedSphere(rates, 1.0))
        >>> keys = jax.random.split(jax.random.key(0), 9)
        >>> laws = [VonMisesFisher(mu, 2 / rate) for rate in rates]
        >>> weights = np.stack([law.sample(key, (8, 500)) for law, key in zip(laws, keys, strict=True)])
        >>> verdict = verify_samples(sgd, weights=weights)
        >>> [row.claim for row in verdict.rows["fixed-sphere"] if row.evaluated and not row.passed]
        []
        >>> [row.measured for row in verdict.rows["fixed-sphere"] if not row.evaluated][0]
        'no number of steps before the first sample; give burn_in= in steps'
    """
    d = sgd.loss.resolve_dimension(dimension)
    measurements = measurements_of(
        sgd,
        d,
        losses=losses,
        overlaps=overlaps,
        weights=weights,
        radii=radii,
        effective_weight_decays=effective_weight_decays,
        burn_in=burn_in,
        started_inside=started_inside,
        entropy=entropy,
    )
    name = sgd.protocol.name
    return judge({name: set_beside(sgd, d, _axes(sgd.protocol), measurements)}, requirements, [])


def _axes(protocol: AbstractProtocol) -> tuple[tuple[str, np.ndarray], ...]:
    """The two hyperparameters where they are the axes of a grid, of shapes `(n, 1)` and `(1, m)`; else nothing."""
    values = {name: np.asarray(value, np.float64) for name, value in protocol.constants.items()}
    shapes = [value.shape for value in values.values()]
    if len(shapes) != 2 or any(len(shape) != 2 for shape in shapes) or (shapes[0][1], shapes[1][0]) != (1, 1):
        return ()
    return tuple((name, value.ravel()) for name, value in values.items())
