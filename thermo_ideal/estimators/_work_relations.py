"""Free energies from the work of many trajectories: Jarzynski's and Crooks's relations, and the slow limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy  # whose parts load when they are used
from numpy.typing import ArrayLike
from scipy.special import log_expit, logsumexp

from thermo_ideal._arguments import require_finite
from thermo_ideal._display import with_error
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._odds import slope_of_odds

# The effective number of trajectories in an exponential average: its logarithm has then a bias of 1/100 before the
# jackknife.
_MINIMUM = 50
_CENTRES = (0.1, 0.3, 0.5, 0.7, 0.9)


def jarzynski(reduced_work: ArrayLike) -> Estimate:
    """`Δφ = −log E e^{−w}`, the change of `φ = −log Z` between equilibria, from the work of any process between them.

    For a schedule of the temperature on the fixed sphere, `Z(β) = ∫ e^{−βL}` and `w = Σ L Δβ`, starting in
    equilibrium at the first `β`; it need not end in equilibrium. The jackknife over trajectories takes the bias of
    first order away and gives the error.

    Args:
        reduced_work: `w`, `(*batch, replicas)`.

    Returns:
        An `Estimate` of jackknife pseudo-values, one for each trajectory, of shape `(*batch,)`.

    Raises:
        ValueError: works that are not finite, or an average that rests on too few trajectories: the effective number
            `(Σ e^{−w})²/Σ e^{−2w}` is below 50. Works so rare that none was seen are not noticed; `crooks` notices.

    Example:
        Normal works have `Δφ = E w − Var w/2`:

        >>> import numpy as np
        >>> from thermo_ideal.estimators import jarzynski
        >>> work = np.random.default_rng(0).normal(3.0, 1.0, 4000)
        >>> bool(abs(jarzynski(work).z_score(2.5)) < 5)
        True

    Source: Jarzynski, Phys. Rev. Lett. 78, 2690 (1997).
    """
    w = _as_works("reduced_work", reduced_work)
    total = logsumexp(-w, axis=-1, keepdims=True)
    share = np.exp(-w - total)
    effective = 1 / (share**2).sum(axis=-1)
    if not (effective >= _MINIMUM).all():
        raise ValueError(
            f"reduced_work: got an average of e^(−w) that rests on {effective.min():.1f} of {w.shape[-1]} "
            f"trajectories, expected at least {_MINIMUM}; switch more slowly, run more replicas, or run the reverse "
            "too, as in crooks(forward, reverse)"
        )
    # Left out one by one: θ_i = −log((Σ e^{−w} − e^{−w_i})/(n − 1)); the pseudo-value is nθ − (n − 1)θ_i.
    n = w.shape[-1]
    return Estimate(np.log(n) - total + (n - 1) * (np.log1p(-share) - np.log1p(-1 / n)))


@dataclass(frozen=True, repr=False)
class Crooks:
    """Works of a process and of its reverse, which determine `Δφ` and must determine it consistently.

    Crooks's relation `P_F(w)/P_R(−w) = e^{w − Δφ}` makes every centre `c` give the same

        Δφ(c) = c + log E_R f(w_R + c) − log E_F f(w_F − c),    f(x) = 1/(1 + eˣ);

    that at `c = Δφ − log(n_F/n_R)` is Bennett's, the most precise. An `Estimate` here has one value for each
    trajectory, forward ones first: the estimate, and what that trajectory adds to it (its influence).

    Args:
        forward: `w_F`, `(n_F,)`.
        reverse: `w_R`, `(n_R,)`, of the reverse schedule from the equilibrium at its own beginning.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import crooks
        >>> generator = np.random.default_rng(0)
        >>> crooks(generator.normal(3.0, 1.0, 4000), generator.normal(-2.0, 1.0, 2000))
        Crooks: Δφ = 2.48(1) from 4000 forward and 2000 reverse works

    Source: Crooks, Phys. Rev. E 60, 2721 (1999).
    """

    forward: np.ndarray
    reverse: np.ndarray

    def __repr__(self) -> str:
        numbers = f"{self.forward.size} forward and {self.reverse.size} reverse works"
        return f"Crooks: Δφ = {self.difference} from {numbers}"

    @cached_property
    def difference(self) -> Estimate:
        """Bennett's `Δφ`, the most precise, in nats.

        Source: Bennett, J. Comput. Phys. 22, 245 (1976); Shirts et al., Phys. Rev. Lett. 91, 140601 (2003).
        """

        def excess(c: float) -> float:
            """`log Σ_F f(w_F − c) − log Σ_R f(w_R + c)`, which increases with `c`."""
            return float(logsumexp(log_expit(c - self.forward)) - logsumexp(log_expit(-c - self.reverse)))

        # So far outside all works the logarithm of the odds of any f outweighs that of the numbers of trajectories.
        reach = 1 + abs(np.log(self.forward.size / self.reverse.size))
        works = np.concatenate([self.forward, -self.reverse])
        return self.acceptance(scipy.optimize.brentq(excess, works.min() - reach, works.max() + reach, xtol=1e-12))

    def acceptance(self, centre: ArrayLike) -> Estimate:
        """`Δφ(c)` by the acceptance ratio at a centre.

        Args:
            centre: `c`, any shape.

        Returns:
            An `Estimate` of the shape of the centres, in nats.

        Source: Bennett, J. Comput. Phys. 22, 245 (1976).
        """
        c = np.asarray(centre, np.float64)[..., None]
        forward, reverse = log_expit(c - self.forward), log_expit(-c - self.reverse)
        means = [logsumexp(x, axis=-1, keepdims=True) - np.log(x.shape[-1]) for x in (forward, reverse)]
        n = self.forward.size + self.reverse.size
        influence = np.concatenate(
            [
                -np.expm1(forward - means[0]) * n / self.forward.size,
                np.expm1(reverse - means[1]) * n / self.reverse.size,
            ],
            axis=-1,
        )
        return Estimate(c + means[1] - means[0] + influence)

    def z_scores(self, centres: ArrayLike | None = None, *, exact: float | None = None) -> np.ndarray:
        """Departures of `Δφ(c)` from the exact `Δφ`, or else from Bennett's, as standard normal scores.

        Args:
            centres: `c`; some quantiles of the works if None. A centre that few works reach is a weak test.
            exact: `Δφ`, if it is known.

        Returns:
            A score for each centre.
        """
        if centres is None:
            centres = np.quantile(np.concatenate([self.forward, -self.reverse]), _CENTRES)
        found = self.acceptance(centres)
        return found.z_score(exact) if exact is not None else Estimate(found.values - self.difference.values).z_score(0)

    @cached_property
    def slope(self) -> Estimate:
        """`s` in `P_F(w)/P_R(−w) ∝ e^{sw}`, by logistic regression of the direction on the work; Crooks's is 1.

        Raises:
            ArithmeticError: the regression does not converge.

        Source: Shirts et al., Phys. Rev. Lett. 91, 140601 (2003), where `s = 1` makes it Bennett's.
        """
        try:
            found = slope_of_odds(self.forward, -self.reverse)
        except ArithmeticError as error:
            raise ArithmeticError(f"slope: {error}, as by more replicas") from error
        return Estimate(found.slope + found.influence)


def crooks(forward: ArrayLike, reverse: ArrayLike) -> Crooks:
    """`Δφ` from the works of a process and of its reverse, and tests of Crooks's relation between them.

    Args:
        forward: reduced works `w`, `(n_F,)`, of a schedule that starts in equilibrium.
        reverse: reduced works `(n_R,)` of the reversed schedule, started in the equilibrium at its own beginning, with
            the sign that they have there: about `−w`.

    Returns:
        A `Crooks`: `.difference` is Bennett's estimate of `Δφ`, `.slope` should be 1, `.z_scores()` should be small.

    Raises:
        ValueError: works that are not finite or not `(n,)`, or that do not overlap, so that nothing can be told.

    Example:
        Normal works `N(Δφ ± s²/2, s²)` fulfil it:

        >>> import numpy as np
        >>> from thermo_ideal.estimators import crooks
        >>> generator = np.random.default_rng(0)
        >>> relation = crooks(generator.normal(3.0, 1.0, 4000), generator.normal(-2.0, 1.0, 2000))
        >>> bool(abs(relation.difference.z_score(2.5)) < 5), bool(abs(relation.slope.z_score(1.0)) < 5)
        (True, True)
        >>> bool(abs(relation.z_scores()).max() < 5)
        True

    Source: Crooks, Phys. Rev. E 60, 2721 (1999).
    """
    works = [_as_works(name, x) for name, x in (("forward", forward), ("reverse", reverse))]
    for name, x in zip(("forward", "reverse"), works, strict=True):
        if x.ndim != 1:
            raise ValueError(f"{name}: got shape {x.shape}, expected (n,), one process at a time")
    w_f, w_r = works
    if not (w_f.min() < (-w_r).max() and (-w_r).min() < w_f.max()):
        raise ValueError(
            f"reverse: got −w from {(-w_r).min():.4g} to {(-w_r).max():.4g}, expected some overlap with the forward "
            f"works from {w_f.min():.4g} to {w_f.max():.4g}; switch more slowly, or change the sign of one"
        )
    return Crooks(w_f, w_r)


@dataclass(frozen=True, repr=False)
class SlowLimit:
    """A fit `a + Σ_k b_k/τ^k (+ e dt)`.

    Args:
        terms: what each coefficient multiplies: 0 for the limit `a`, `k` for `1/τ^k`, "dt".
        coefficients: in that order.
        covariance: of the coefficients, from the errors of the values alone.
        chi_square: the squared departures over the squared errors.
        degrees_of_freedom: values less coefficients.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import Estimate, slow_limit
        >>> tau = np.array([1.0, 2.0, 4.0])
        >>> noise = np.random.default_rng(0).normal(scale=0.1, size=(3, 1000))
        >>> fit = slow_limit(tau, Estimate(0.5 + 3 / tau[:, None] + noise), powers=(1,))
        >>> fit.terms, fit.coefficients.round(1)
        ((0, 1), array([0.5, 3. ]))
        >>> fit
        SlowLimit: 0.497(4) + 2.999(6)/τ, χ² = 0.94 (degrees of freedom: 1)
    """

    terms: tuple[float | str, ...]
    coefficients: np.ndarray
    covariance: np.ndarray
    chi_square: float
    degrees_of_freedom: int

    def __repr__(self) -> str:
        units = {0: "", 1: "/τ", "dt": " dt"}
        coefficients = (
            with_error(self.value(term), self.standard_error(term)) + units.get(term, f"/τ^{term}")
            for term in self.terms
        )
        fit = f"χ² = {self.chi_square:.2g} (degrees of freedom: {self.degrees_of_freedom})"
        return f"SlowLimit: {' + '.join(coefficients)}, {fit}"

    def value(self, term: float | str = 0) -> float:
        """A coefficient.

        Args:
            term: one of `terms`; 0 is the limit `a`.

        Raises:
            ValueError: no such term.
        """
        return float(self.coefficients[self._index(term)])

    def standard_error(self, term: float | str = 0) -> float:
        """The standard error of a coefficient.

        Args:
            term: one of `terms`; 0 is the limit `a`.

        Raises:
            ValueError: no such term.
        """
        return float(np.sqrt(self.covariance[self._index(term), self._index(term)]))

    def z_score(self, exact: float = 0.0, term: float | str = 0) -> float:
        """The departure of a coefficient from `exact` as a standard normal score.

        Args:
            exact: the value to compare with.
            term: one of `terms`; 0 is the limit `a`.

        Raises:
            ValueError: no such term.
        """
        return (self.value(term) - exact) / self.standard_error(term)

    @property
    def fit_score(self) -> float:
        """`χ²` as a standard normal score: large where the fit has too few terms; NaN without degrees of freedom."""
        if self.degrees_of_freedom == 0:
            return float("nan")
        return float(scipy.stats.norm.isf(scipy.stats.chi2.sf(self.chi_square, self.degrees_of_freedom)))

    def _index(self, term: float | str) -> int:
        if term not in self.terms:
            raise ValueError(f"term: got {term!r}, expected one of {', '.join(map(repr, self.terms))}")
        return self.terms.index(term)


def slow_limit(
    durations: ArrayLike,
    values: Iterable[Estimate],
    *,
    powers: Sequence[float] = (1, 2),
    dt: ArrayLike | None = None,
) -> SlowLimit:
    """Weighted least squares `a + Σ_k b_k/τ^k`: the limit of a quantity of a process whose duration `τ` is long.

    Dissipation falls as `1/τ`, so `a` is the quasi-static value and `b_1` the first order in `1/τ`.

    Args:
        durations: `τ`, `(points,)`, in any unit.
        values: one `Estimate` of shape `(points,)`, or one of shape `()` for each point; from independent runs.
        powers: the `k`, numbers > 0.
        dt: step sizes, `(points,)`: adds `e dt`, the offset of SGD from its SDE, which is of first order.

    Returns:
        A `SlowLimit`.

    Raises:
        ValueError: durations or step sizes that are not positive, shapes that do not fit, values without an error, or
            too few different points for so many terms.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import Estimate, slow_limit
        >>> tau = np.array([1.0, 2.0, 4.0, 8.0])
        >>> noise = np.random.default_rng(0).normal(scale=0.1, size=(4, 1000))
        >>> fit = slow_limit(tau, Estimate(0.5 + 3 / tau[:, None] + noise), powers=(1,))
        >>> abs(fit.z_score(0.5)) < 5, abs(fit.z_score(3.0, term=1)) < 5, fit.fit_score < 5
        (True, True, True)

    Source: Sivak & Crooks, Phys. Rev. Lett. 108, 190602 (2012), the 1/τ law.
    """
    tau = np.asarray(durations, np.float64)
    estimates = list(values)
    y = np.concatenate([np.atleast_1d(x.value) for x in estimates])
    error = np.concatenate([np.atleast_1d(x.standard_error) for x in estimates])
    given = {"durations": tau} | ({} if dt is None else {"dt": np.asarray(dt, np.float64)})
    for name, x in given.items():
        if x.shape != y.shape:
            raise ValueError(f"{name}: got shape {x.shape}, expected one for each of the values, of shape {y.shape}")
        if not (np.isfinite(x) & (x > 0)).all():
            raise ValueError(f"{name}: got {x}, expected numbers > 0, as in {name}=[1.0, 2.0, 4.0]")
    if not (np.isfinite(y) & np.isfinite(error) & (error > 0)).all():
        raise ValueError("values: got one that is not finite or has no error, expected replicas that differ")
    columns: dict[float | str, np.ndarray] = {k: tau ** -float(k) for k in (0, *powers)}
    if dt is not None:
        columns["dt"] = given["dt"]
    # In units of the largest of each column, so that the rank can be told.
    design = np.stack(list(columns.values()), axis=1)
    unit = np.abs(design).max(axis=0)
    weighted = design / unit / error[:, None]
    if np.linalg.matrix_rank(weighted) < len(columns):
        raise ValueError(
            f"durations: got {tau}, expected at least {len(columns)} different ones for {len(columns)} terms; add some"
        )
    inverse = np.linalg.pinv(weighted)
    found = inverse @ (y / error)
    chi_square = float(((y / error - weighted @ found) ** 2).sum())
    covariance = inverse @ inverse.T / np.outer(unit, unit)
    return SlowLimit(tuple(columns), found / unit, covariance, chi_square, y.size - len(columns))


def _as_works(name: str, works: ArrayLike) -> np.ndarray:
    w = np.asarray(works, np.float64)
    if w.ndim == 0 or w.shape[-1] < 2:
        raise ValueError(f"{name}: got shape {w.shape}, expected (*batch, replicas) with at least 2")
    require_finite(name, w)
    return w
