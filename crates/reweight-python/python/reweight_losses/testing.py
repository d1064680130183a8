"""The laws that every rule must hold, as one call."""

from __future__ import annotations

from . import _native
from .parts import Base, Part, Weighter, to_json


class LawError(AssertionError):
    """A law that does not hold; its text names the law, the sample and both values."""


def check(rule: Part, classes: int | None = None) -> None:
    """Checks a weighter or a base: finite and at least 0 in float64 and float32 at margins up to ±10⁴, for hard and soft labels;
    slopes and second derivatives finite, the slope that of finite differences; the same recorded and boxed; a state that goes on
    to the bit. A base must not rise with p_t besides.

    Args:
        rule: a weighter or a base, built-in or of one's own.
        classes: for how many classes; 2 (BCE and softmax) and 5 where it is left out.

    Raises:
        LawError: where a law does not hold.
    """
    if not isinstance(rule, (Weighter, Base)):
        raise TypeError(f"{rule!r} is no weighter and no base")
    for each in [2, 5] if classes is None else [classes]:
        broken = _native.check_laws(rule.ROLE, to_json(rule.to_config()), each)
        if broken is not None:
            raise LawError(f"{rule!r}, {each} classes: {broken}")
