"""The gradient noise that holds the weights at a norm."""

import math

import scipy  # whose parts load when they are used

from thermo_ideal.dynamics import AbstractProtocol, AbstractUpdateRule

_REACH = 300.0  # of the logarithm of the noise trace


def noise_trace_that_settles_at(
    norm: float, protocol: AbstractProtocol, update_rule: AbstractUpdateRule, dimension: float
) -> float:
    """`τ` for which the stationary radius, which increases with it, is `norm`.

    Args:
        norm: of weights that have settled.
        protocol: with numbers for hyperparameters, and a free radius.
        update_rule: whose stationary radius depends on the noise.
        dimension: `d`.

    Raises:
        ValueError: there is no such noise trace.
    """

    def excess(log_trace: float) -> float:
        scale = math.sqrt(math.exp(log_trace) / (dimension - 1))
        return math.log(float(update_rule.stationary_radius(protocol, scale, dimension))) - math.log(norm)

    low, high = -_REACH, _REACH
    if not excess(low) < 0 < excess(high):
        raise ValueError(
            f"norm: got {norm:g}, expected one that a noise trace between e^{low} and e^{high} holds; give the noise"
        )
    return math.exp(scipy.optimize.brentq(excess, low, high, xtol=1e-13, rtol=1e-15))
