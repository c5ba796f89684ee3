"""One row of a verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FALSE_ALARM_RATE = 1e-4
"""How often each row that is a statistical test fails although all it asks for holds."""


@dataclass(frozen=True)
class Row:
    """One row of a verdict.

    Args:
        claim: what is required.
        measured: what came out.
        bound: what was expected.
        passed: whether it holds. A claim that could not be asked has not passed.
        p_value: of a statistical test, the probability of what came out or worse if the claim holds; else None.
        false_alarm_rate: how often the row fails although the claim holds; 0 where chance has no part in it.
        evaluated: whether the claim could be asked; if not, `measured` says why.

    Raises:
        ValueError: `passed` is neither true nor false, or true of a claim that could not be asked; a rate or
            probability outside `[0, 1]`.

    Example:
        >>> from thermo_ideal.verification import Row
        >>> Row("the gas is cold", measured="T ≤ 0.05", bound="T ≤ 0.1", passed=True).passed
        True
        >>> Row.of_test("the mean is 0", "z = 1.2", p_value=0.23).bound
        'p ≥ 0.0001'
    """

    claim: str
    measured: str
    bound: str
    passed: bool
    p_value: float | None = None
    false_alarm_rate: float = 0.0
    evaluated: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.passed, bool | np.bool_):
            raise ValueError(f"passed: got {self.passed!r}, expected True or False, as in bool(departure <= bound)")
        if self.passed and not self.evaluated:
            raise ValueError(f"passed: got True for {self.claim!r}, which could not be asked, expected False")
        for name in ("p_value", "false_alarm_rate"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name}: got {value!r}, expected a probability")

    @property
    def mark(self) -> str:
        """`pass`, `FAIL`, or `not asked`."""
        return "pass" if self.passed else "FAIL" if self.evaluated else "not asked"

    @classmethod
    def of_test(cls, claim: str, measured: str, p_value: float, false_alarm_rate: float = FALSE_ALARM_RATE) -> Row:
        """The row of a statistical test, which passes unless the p-value is below the declared false-alarm rate.

        Args:
            claim: what is required.
            measured: what came out.
            p_value: the probability of that or worse if the claim holds; NaN, of data that are no numbers, fails.
            false_alarm_rate: how often the row may fail although the claim holds.

        Raises:
            ValueError: a probability outside `[0, 1]`.
        """
        passed = bool(p_value >= false_alarm_rate)
        p_value = float(np.nan_to_num(p_value))
        return cls(
            claim, f"{measured}, p = {p_value:.2g}", f"p ≥ {false_alarm_rate:g}", passed, p_value, false_alarm_rate
        )

    @classmethod
    def unanswered(cls, claim: str, reason: str) -> Row:
        """The row of a claim that could not be asked of these data.

        Args:
            claim: what would be required.
            reason: why it cannot be asked, and what data would allow it.
        """
        return cls(claim, reason, "data that can tell", False, evaluated=False)
