"""Numbers as text."""

import numpy as np

from thermo_ideal._dictionary import Quantity


def in_unit(quantity: Quantity, values: np.ndarray | float) -> str:
    """A number, or the range of several, with symbol and unit, as in "U = 0.025541 loss".

    Args:
        quantity: of the dictionary.
        values: numbers in its unit.
    """
    values = np.asarray(values, np.float64)
    least, largest = np.nanmin(values), np.nanmax(values)
    text = f"{least:.5g}" if least == largest else f"{least:.5g} … {largest:.5g}"
    return f"{quantity.symbol} = {text}" + (f" {quantity.unit}" if quantity.unit != "1" else "")


def with_error(value: float, error: float) -> str:
    """`value` with its standard error in units of the last digit, as in 0.00503(4).

    Args:
        value: the number.
        error: its standard error.

    Example:
        >>> with_error(0.0050312, 0.000042)
        '0.00503(4)'
    """
    if not (np.isfinite(error) and error > 0):
        return f"{value:.6g}"
    digits = max(-int(np.floor(np.log10(float(f"{error:.0e}")))), 0)  # 0.0096 rounds to 0.01: one digit fewer
    return f"{value:.{digits}f}({error * 10**digits:.0f})"
