"""Weighters, bases and adjustments as values: a kind and its settings, as a config file holds them.

The classes of the built-in kinds are made of the core's own list (:func:`part_classes`), so that a new kind is here by itself.
A part is checked when it is made, never changed, and compares, hashes, copies and pickles by what it holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, ClassVar, Union

import numpy as np

from . import _native

if TYPE_CHECKING:
    from typing_extensions import Self

#: What every weighter may have besides its own settings, in the order in which it is applied.
MODIFIERS = ("scale", "clamp", "detached")


def plain(value: Any) -> Any:
    """NumPy's scalars and arrays, and tuples, as JSON has them."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(of) for key, of in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(of) for of in value]
    return value


def to_json(entry: Mapping[str, Any]) -> str:
    """An entry as JSON, which has no numbers that are not finite."""
    try:
        return json.dumps(entry, allow_nan=False)
    except ValueError:
        raise _native.ConfigError(f"{entry.get('kind', 'the config')}: its numbers must be finite, but one is nan or inf") from None
    except TypeError as error:
        raise _native.ConfigError(f"{entry.get('kind', 'the config')}: {error}: give numbers, texts and lists") from None


class Part:
    """A part of a loss: its kind, and the settings that are not left out."""

    ROLE: ClassVar[str]
    KIND: ClassVar[str | None] = None
    FIELDS: ClassVar[tuple[str, ...]] = ()

    __slots__ = ("_entry",)
    _entry: dict[str, Any]

    def __init__(self, *values: Any, **settings: Any) -> None:
        kind, fields = self.KIND, self.FIELDS
        if kind is None:
            if len(values) != 1 or not isinstance(values[0], str):
                raise TypeError(f"{type(self).__name__}(kind, **settings) takes the kind's name first")
            kind, values = values[0], ()
        if len(values) > len(fields):
            raise TypeError(f"{type(self).__name__} takes at most {len(fields)} settings by place: {', '.join(fields)}")
        given = dict(zip(fields, values))
        for name in settings:
            if name in given:
                raise TypeError(f"{type(self).__name__} got two values for `{name}`")
        given.update(settings)
        self._keep({"kind": kind, **{name: plain(value) for name, value in given.items() if value is not None}})

    def _keep(self, entry: dict[str, Any]) -> None:
        _native.check_part(self.ROLE, to_json(entry))
        object.__setattr__(self, "_entry", entry)

    @classmethod
    def from_config(cls, entry: Mapping[str, Any]) -> Self:
        """The part of a config's entry, in the class of its kind where there is one."""
        kind = entry.get("kind")
        own: type[Any] = _CLASSES.get((cls.ROLE, str(kind)), cls)
        part: Self = object.__new__(own)
        part._keep(plain(dict(entry)))
        return part

    @property
    def kind(self) -> str:
        """The kind, as a config names it."""
        return str(self._entry["kind"])

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that were given."""
        return {name: value for name, value in self._entry.items() if name != "kind"}

    def to_config(self) -> dict[str, Any]:
        """The entry as a config holds it."""
        return dict(self._entry)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a {self.ROLE} is not changed: make another one")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Part) and (self.ROLE, self._entry) == (other.ROLE, other._entry)

    def __hash__(self) -> int:
        return hash((self.ROLE, json.dumps(self._entry, sort_keys=True)))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> Any:
        return _rebuild, (self.ROLE, self._entry)

    def __repr__(self) -> str:
        entry = self._entry
        if entry["kind"] == "recorded":
            given = entry.get("parameters", {})
            shown = f"{entry['name']}({_arguments(given)})" if given else str(entry["name"])
            if "scale" in entry:
                shown += f".scaled({entry['scale']!r})"
            if "clamp" in entry:
                shown += f".clamped({_listed(entry['clamp'])})"
            return f"{shown}.detached()" if entry.get("detached") else shown
        generic = self.KIND is None
        given = self.settings
        name = f"rw.{type(self).__name__}"
        if given and not generic and list(given) == list(self.FIELDS[:1]):
            return f"{name}({next(iter(given.values()))!r})"
        first = [repr(entry["kind"])] if generic else []
        return f"{name}({', '.join([*first, *([_arguments(given)] if given else [])])})"


def _arguments(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in given.items())


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(repr, values))


class Weighter(Part):
    """A re-weighting rule. ``a * b`` is the product of two."""

    ROLE = "weighter"
    __slots__ = ()

    def scaled(self, scale: float) -> Self:
        """The same weights times ``scale``, finite and at least 0."""
        if "clamp" in self._entry:
            raise _native.ConfigError("`scale` comes before `clamp`: call scaled() first")
        return self._with(scale=float(scale) * self._entry.get("scale", 1.0))

    def clamped(self, low: float, high: float) -> Self:
        """The same weights held within [low, high]; no gradient flows where they are held."""
        if "clamp" in self._entry:
            raise _native.ConfigError("the weights are clamped already: one clamp(low, high) a weighter")
        return self._with(clamp=[float(low), float(high)])

    def detached(self) -> Self:
        """The same weights as constants: no gradient flows through them."""
        return self._with(detached=True)

    def _with(self, **modifiers: Any) -> Self:
        return type(self).from_config({**self._entry, **modifiers})

    def __mul__(self, other: Weighters | float) -> Product:
        if isinstance(other, (int, float)):
            return Product(self.scaled(other))
        return Product(self) * other

    def __rmul__(self, other: float) -> Self:
        return self.scaled(other) if isinstance(other, (int, float)) else NotImplemented

    def __call__(self, **parameters: float) -> Self:
        """The same recorded rule under other values of its parameters; the function is not traced again."""
        if not parameters:
            return self
        own = self._entry.get("parameters", {})
        return type(self).from_config({**self._entry, "parameters": changed(self, own, parameters)})


class Base(Part):
    """What is weighed."""

    ROLE = "base"
    __slots__ = ()

    def __call__(self, **parameters: float) -> Self:
        """The same recorded base under other values of its parameters; the function is not traced again."""
        if not parameters:
            return self
        own = self._entry.get("parameters", {})
        return type(self).from_config({**self._entry, "parameters": changed(self, own, parameters)})


class Adjustment(Part):
    """What is done to the logits first."""

    ROLE = "adjustment"
    __slots__ = ()


def changed(part: Part, own: Mapping[str, float], new: Mapping[str, float]) -> dict[str, float]:
    """A recorded formula's parameters with new values for some."""
    for name in new:
        if name not in own:
            known = ", ".join(own) or "none"
            raise _native.ConfigError(f"`{part!r}` has no parameter `{name}`; its parameters are: {known}")
    return {**own, **{name: float(value) for name, value in new.items()}}


class Product:
    """A product of weighters, in order; the empty one weighs everything 1."""

    __slots__ = ("weighters",)
    weighters: tuple[Weighter, ...]

    def __init__(self, *weighters: Weighter) -> None:
        for weighter in weighters:
            if not isinstance(weighter, Weighter):
                raise TypeError(f"{weighter!r} is no weighter")
        self.weighters = weighters

    def detached(self) -> Product:
        """The same weights as constants: no gradient flows through them."""
        return Product(*(weighter.detached() for weighter in self.weighters))

    def __mul__(self, other: Weighters) -> Product:
        return Product(*self.weighters, *weighters_of(other))

    def __iter__(self) -> Iterator[Weighter]:
        return iter(self.weighters)

    def __len__(self) -> int:
        return len(self.weighters)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Product) and self.weighters == other.weighters

    def __hash__(self) -> int:
        return hash(self.weighters)

    def __repr__(self) -> str:
        return " * ".join(map(repr, self.weighters)) if self.weighters else "rw.Product()"


#: What a loss takes as its weighter.
Weighters = Union[Weighter, Product, Iterable[Weighter], None]


def weighters_of(given: Weighters) -> tuple[Weighter, ...]:
    """The weighters of a product, a list, one, or none."""
    if given is None:
        return ()
    if isinstance(given, Weighter):
        return (given,)
    return Product(*given).weighters


def _rebuild(role: str, entry: Mapping[str, Any]) -> Part:
    part: Part = ROLES[role].from_config(entry)
    return part


def _initialiser(fields: Iterable[str], modifiers: Iterable[str]) -> Any:
    """An initialiser that shows the settings' names to help() and to editors."""

    def __init__(self: Part, *values: Any, **settings: Any) -> None:
        Part.__init__(self, *values, **settings)

    places = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=None) for name in fields]
    names = [Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in modifiers]
    own = Parameter("self", Parameter.POSITIONAL_ONLY)
    __init__.__signature__ = Signature([own, *places, *names])  # type: ignore[attr-defined]
    return __init__


ROLES: dict[str, type[Part]] = {"weighter": Weighter, "base": Base, "adjustment": Adjustment}
_CLASSES: dict[tuple[str, str], type[Part]] = {}


def part_classes() -> dict[str, type[Part]]:
    """The classes of the built-in kinds by their names: ``focal`` is ``Focal``, ``poly-1`` is ``Poly1``."""
    classes: dict[str, type[Part]] = {}
    for role, kind, fields, formula, settings in _native.kinds():
        # Traced functions are recorded; nobody writes one down by hand.
        if kind == "recorded":
            continue
        name = "".join(word.capitalize() for word in kind.split("-"))
        about = f"The {role} ``{kind}``: {formula}.\n\nSettings: {settings}.\n".replace("\\|", "|")
        modifiers = MODIFIERS if role == "weighter" else ()
        if modifiers:
            about += "Every weighter also takes ``scale``, ``clamp`` and ``detached``.\n"
        body: dict[str, Any] = {"ROLE": role, "KIND": kind, "FIELDS": tuple(fields), "__slots__": ()}
        body |= {"__doc__": about, "__module__": "reweight_losses", "__init__": _initialiser(fields, modifiers)}
        classes[name] = _CLASSES[role, kind] = type(name, (ROLES[role],), body)
    return classes
