"""Rules of one's own: a Python function is called once with a symbolic sample, and what it does is recorded.

The recording is a ``recorded`` part like any other: it stands in a config, pickles, and runs in the engine without Python. The
function itself is not kept.
"""

from __future__ import annotations

import inspect
import linecache
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeVar, Union, overload

from . import _native
from .parts import Base, Part, Weighter, plain

Number = Union["Symbol", float]
Rule = Callable[..., Number]

_HERE = os.path.dirname(os.path.abspath(__file__))


class TraceError(_native.Error):
    """A function that cannot be recorded; the text names the line of its file."""


def _refuse(what: str, cure: str) -> NoReturn:
    """Raises the error at the line of the user's file that is being run."""
    frame = sys._getframe(1)
    while frame.f_back is not None and os.path.dirname(os.path.abspath(frame.f_code.co_filename)) == _HERE:
        frame = frame.f_back
    name, number = frame.f_code.co_filename, frame.f_lineno
    line = linecache.getline(name, number).strip()
    raise TraceError(f"{name}, line {number}{': `' + line + '`' if line else ''}: {what}: {cure}")


class _Trace:
    """The steps recorded so far."""

    def __init__(self) -> None:
        self.steps: list[Any] = []
        self.axis: int | None = None
        self._known: dict[str, int] = {}

    def add(self, step: Any) -> Symbol:
        key = repr(step)
        if key not in self._known:
            self._known[key] = len(self.steps)
            self.steps.append(step)
        return Symbol(self, self._known[key])

    def place(self, value: Number) -> int:
        if isinstance(value, Symbol):
            if value._trace is not self:
                _refuse("a symbol of another function is used", "build the rule from its own sample and numbers alone")
            return value._place
        number = plain(value)
        if isinstance(number, (int, float)):
            return self.add({"literal": float(number)})._place
        _refuse(f"{value!r} cannot be recorded", "use the sample, parameters and numbers")


def _trace_of(*values: Any) -> _Trace:
    for value in values:
        if isinstance(value, Symbol):
            return value._trace
    _refuse("none of the arguments is a symbol", "call this on what the sample gives; for plain numbers use the module math")


def _apply(name: str, *operands: Number) -> Symbol:
    trace = _trace_of(*operands)
    places = [trace.place(operand) for operand in operands]
    return trace.add({name: places if len(places) > 1 else places[0]})


class Symbol:
    """A number of the formula that is being recorded."""

    __slots__ = ("_trace", "_place")
    __hash__ = None  # type: ignore[assignment]
    _trace: _Trace
    _place: int

    def __init__(self, trace: _Trace, place: int) -> None:
        self._trace, self._place = trace, place

    def __add__(self, other: Number) -> Symbol:
        return _apply("add", self, other)

    def __radd__(self, other: Number) -> Symbol:
        return _apply("add", other, self)

    def __sub__(self, other: Number) -> Symbol:
        return _apply("sub", self, other)

    def __rsub__(self, other: Number) -> Symbol:
        return _apply("sub", other, self)

    def __mul__(self, other: Number) -> Symbol:
        return _apply("mul", self, other)

    def __rmul__(self, other: Number) -> Symbol:
        return _apply("mul", other, self)

    def __truediv__(self, other: Number) -> Symbol:
        return _apply("div", self, other)

    def __rtruediv__(self, other: Number) -> Symbol:
        return _apply("div", other, self)

    def __pow__(self, exponent: Number) -> Symbol:
        """A power of a number that is at least 0; one of ``s.q``, ``s.p`` or ``s.residual`` is computed of its logarithm."""
        return _apply("pow", self, exponent)

    def __rpow__(self, base: float) -> NoReturn:
        _refuse("a number to the power of a symbol", "write rw.exp(symbol * math.log(number))")

    def __neg__(self) -> Symbol:
        return _apply("neg", self)

    def __pos__(self) -> Symbol:
        return self

    def __abs__(self) -> Symbol:
        return _apply("abs", self)

    def __bool__(self) -> NoReturn:
        _refuse("a symbol has no value to branch on", "take rw.where_le, rw.minimum or rw.maximum")

    def _compared(self, other: Any) -> NoReturn:
        _refuse("a symbol has no value to compare", "take rw.where_le(a, b, then, otherwise), rw.minimum or rw.maximum")

    __lt__ = __le__ = __gt__ = __ge__ = _compared
    __eq__ = __ne__ = _compared

    def _number(self, *_: Any) -> NoReturn:
        _refuse("a symbol is no number yet", "take this package's functions (rw.exp, rw.log, …) in place of those of math and NumPy")

    __float__ = __int__ = __index__ = __round__ = __iter__ = __len__ = __array__ = _number

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **_: Any) -> NoReturn:
        known = {"absolute": "absolute", "log": "log", "maximum": "maximum", "minimum": "minimum"}
        name = known.get(ufunc.__name__, ufunc.__name__)
        cure = f"take rw.{name}" if name in globals() else "take this package's functions and Python's numbers"
        _refuse(f"numpy.{ufunc.__name__} cannot be recorded", cure)

    def __repr__(self) -> str:
        return f"<symbol {self._place} of a rule that is being recorded>"


class SymbolicSample:
    """One sample as a rule sees it; for hard labels s is its margin, ``(2 y - 1) * x`` or ``x_y - logsumexp`` of the others."""

    __slots__ = ("_trace",)

    def __init__(self, trace: _Trace) -> None:
        self._trace = trace

    @property
    def margin(self) -> Symbol:
        """log p_t − log(1 − p_t)."""
        return self._trace.add("margin")

    @property
    def p(self) -> Symbol:
        """p_t, the probability given to the target."""
        return self._trace.add("p")

    @property
    def q(self) -> Symbol:
        """1 − p_t, without the subtraction."""
        return self._trace.add("q")

    @property
    def log_p(self) -> Symbol:
        """log p_t, finite at any finite logit."""
        return self._trace.add("log-p")

    @property
    def log_q(self) -> Symbol:
        """log(1 − p_t), finite at any finite logit."""
        return self._trace.add("log-q")

    @property
    def cross_entropy(self) -> Symbol:
        """The unweighted cross entropy in nats."""
        return self._trace.add("cross-entropy")

    @property
    def gradient_norm(self) -> Symbol:
        """|σ(x) − t| (hard labels: 1 − p_t) as a constant."""
        return self._trace.add("gradient-norm")

    @property
    def residual(self) -> Symbol:
        """The same with its gradient."""
        return self._trace.add("residual")

    @property
    def log_residual(self) -> Symbol:
        """Its logarithm, finite also where the two meet."""
        return self._trace.add("log-residual")

    @property
    def loss_if_positive(self) -> Symbol:
        """softplus(−x): the loss of the label 1 (BCE)."""
        return self._trace.add("loss-if-positive")

    @property
    def loss_if_negative(self) -> Symbol:
        """softplus(x): the loss of the label 0 (BCE)."""
        return self._trace.add("loss-if-negative")

    @property
    def target(self) -> Symbol:
        """The target in [0, 1]; for softmax 0 for class 0 and 1 for all others."""
        return self._trace.add("target")

    def by_target(self, negative: Number, positive: Number) -> Symbol:
        """``(1 - t) * negative + t * positive``."""
        target = self.target
        return (1.0 - target) * negative + target * positive

    def per_class(self, values: Iterable[float]) -> Symbol:
        """The class's entry of a table with one value a class; BCE has the classes 0 and 1, and a soft label mixes them."""
        return self._trace.add({"per-class": [float(value) for value in values]})

    def per_column(self, values: Iterable[float], axis: int = -1) -> Symbol:
        """The column's entry of a table with one value a column along ``axis`` (BCE)."""
        if self._trace.axis not in (None, axis):
            _refuse(f"columns are read along axis {axis} and axis {self._trace.axis}", "read all along one")
        self._trace.axis = axis
        return self._trace.add({"per-column": [float(value) for value in values]})

    def _compared(self, *_: Any) -> NoReturn:
        _refuse("the sample itself is no number", "take one of its quantities, such as s.q")

    __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __float__ = _compared


def exp(x: Symbol) -> Symbol:
    """eˣ."""
    return _apply("exp", x)


def log(x: Symbol) -> Symbol:
    """The natural logarithm. Of a probability take ``s.log_p`` or ``s.log_q``, which are finite at any logit."""
    return _apply("ln", x)


def expm1(x: Symbol) -> Symbol:
    """eˣ − 1, without the cancellation near 0."""
    return _apply("exp-m1", x)


def log1p(x: Symbol) -> Symbol:
    """log(1 + x), without the cancellation near 0."""
    return _apply("ln-1p", x)


def sqrt(x: Symbol) -> Symbol:
    """√x; its slope at 0 is infinite: ``rw.exp(0.5 * s.log_q)`` is √q with a bounded one."""
    return _apply("sqrt", x)


def absolute(x: Symbol) -> Symbol:
    """|x|."""
    return _apply("abs", x)


def sigmoid(x: Symbol) -> Symbol:
    """σ(x), without overflow."""
    return _apply("sigmoid", x)


def log_sigmoid(x: Symbol) -> Symbol:
    """log σ(x), without overflow."""
    return _apply("log-sigmoid", x)


def softplus(x: Symbol) -> Symbol:
    """log(1 + eˣ), without overflow."""
    return -_apply("log-sigmoid", -x)


def detach(x: Symbol) -> Symbol:
    """x as a constant: no gradient flows through it."""
    return _apply("detach", x)


def maximum(a: Number, b: Number) -> Symbol:
    """The larger; the gradient is that of the one chosen."""
    return _apply("max", a, b)


def minimum(a: Number, b: Number) -> Symbol:
    """The smaller; the gradient is that of the one chosen."""
    return _apply("min", a, b)


def where_le(a: Number, b: Number, then: Number, otherwise: Number) -> Symbol:
    """``then`` where a ≤ b, else ``otherwise``; no gradient flows through the comparison."""
    return _apply("select-le", a, b, then, otherwise)


_Role = TypeVar("_Role", bound=Part)


def _record(role: type[_Role], function: Rule, given: dict[str, float]) -> _Role:
    name = getattr(function, "__name__", type(function).__name__)
    own = list(inspect.signature(function).parameters.values())[1:]
    parameters: dict[str, float] = {}
    for parameter in own:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TraceError(f"`{name}` takes {parameter}: name each parameter")
        value = given.get(parameter.name, parameter.default)
        if value is parameter.empty:
            raise TraceError(f"`{name}` has no value for `{parameter.name}`: give @rw.{role.ROLE}({parameter.name}=…), or a default")
        parameters[parameter.name] = float(value)
    for other in given:
        if other not in parameters:
            raise TraceError(f"`{name}` has no parameter `{other}`: its parameters are: {', '.join(parameters) or 'none'}")
    trace = _Trace()
    result = function(SymbolicSample(trace), **{own: trace.add({"parameter": own}) for own in parameters})
    if not isinstance(result, Symbol) and not isinstance(plain(result), (int, float)):
        raise TraceError(f"`{name}` returned {result!r}: return what is made of the sample")
    place = trace.place(result)
    # The formula's result is its last step.
    if place != len(trace.steps) - 1:
        trace.steps = trace.steps[: place + 1]
    entry: dict[str, Any] = {"kind": "recorded", "name": name, "steps": trace.steps}
    if parameters:
        entry["parameters"] = parameters
    if trace.axis not in (None, -1):
        entry["axis"] = trace.axis
    part: _Role = role.from_config(entry)
    return part


@overload
def weighter(function: Rule, /) -> Weighter: ...
@overload
def weighter(function: None = None, /, **parameters: float) -> Callable[[Rule], Weighter]: ...
def weighter(function: Rule | None = None, /, **parameters: float) -> Weighter | Callable[[Rule], Weighter]:
    """Makes a weighter of a function of one sample, called once with symbols.

    ::

        @rw.weighter
        def root_norm(s):
            return rw.exp(0.5 * s.log_q)

        @rw.weighter(gamma=2.0)
        def focal(s, gamma):
            return s.q ** gamma

        loss = rw.BceLoss(root_norm * focal(gamma=1.5))

    The function's other arguments are parameters, whose values may be changed without tracing again: ``focal(gamma=1.5)`` is another
    weighter, and ``loss.set_parameters(gamma=1.5)`` changes them in a loss. The weight must be finite and at least 0 for every sample;
    ``rw.testing.check(focal)`` tells.

    Raises:
        TraceError: where the function cannot be recorded, as where it branches on a value; the text names the line.
    """
    if function is None:
        return lambda function: _record(Weighter, function, parameters)
    return _record(Weighter, function, {})


@overload
def base(function: Rule, /) -> Base: ...
@overload
def base(function: None = None, /, **parameters: float) -> Callable[[Rule], Base]: ...
def base(function: Rule | None = None, /, **parameters: float) -> Base | Callable[[Rule], Base]:
    """Makes a base of a function of one sample, as :func:`weighter` makes a weighter.

    The loss must be finite, at least 0, and fall as p_t rises.
    """
    if function is None:
        return lambda function: _record(Base, function, parameters)
    return _record(Base, function, {})
