"""The damping rule of Levenberg–Marquardt."""

from __future__ import annotations

from mmdiscover.decompositions import kernels


class Damping:
    """μ, raised on rejected steps and lowered by the gain ratio on accepted ones.

    The rule of Madsen, Nielsen and Tingleff (Methods for non-linear least squares problems, 2nd ed., DTU 2004,
    eq. 2.21): μ ← μ·max(s, 1 − (2ρ − 1)³) after a step with gain ratio ρ > 0; μ ← μν, ν ← 2ν otherwise.

    Parameters
    ----------
    value : float
        First μ > 0.
    smallest_factor : float
        s, by which μ falls at most in one step; theirs is 1/3.
    """

    LARGEST = 1e12
    """Beyond this multiple of the first value, or of 1, no step can be told from none."""
    SMALLEST = kernels.SMALLEST_DAMPING

    def __init__(self, value: float, smallest_factor: float = 1 / 3) -> None:
        self.value = max(value, self.SMALLEST)
        self._largest = self.LARGEST * max(self.value, 1.0)
        self._smallest_factor = smallest_factor
        self._growth = 2.0

    def accept(self, gain: float) -> None:
        """Lower μ after a step that attained `gain` times the predicted decrease."""
        self.value = kernels.lowered(self.value, gain, self._smallest_factor)
        self._growth = 2.0

    def reject(self) -> None:
        """Raise μ after a step that failed."""
        self.value *= self._growth
        self._growth *= 2.0

    @property
    def exhausted(self) -> bool:
        """Whether μ has grown so large that steps vanish."""
        return self.value > self._largest
