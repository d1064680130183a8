"""What a loss has observed, as one row of int64: what a buffer holds, ranks broadcast and a checkpoint keeps.

Whole numbers stand as they are, floats as their bits, so that a model's ``half()`` or ``to(dtype)`` leaves them alone and every
state goes on to the bit. The first word names the weighters that observe and their settings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _native


def _records(state: Any) -> Iterator[dict[str, Any]]:
    """The records of the weighters that observe, in order."""
    if isinstance(state, list):
        for each in state:
            yield from _records(each)
    elif isinstance(state, dict):
        if "record" in state:
            yield state["record"]
        else:
            for name in sorted(state):
                yield from _records(state[name])


def _collect(data: Any, numbers: list[Any]) -> None:
    """Appends the numbers of a record, in order."""
    if isinstance(data, dict):
        for name in sorted(data):
            _collect(data[name], numbers)
    elif isinstance(data, list):
        if data and isinstance(data[0], (list, dict)):
            for each in data:
                _collect(each, numbers)
        else:
            numbers.extend(data)
    else:
        numbers.append(data)


def _numbers(state: Any) -> list[Any]:
    """The numbers of a state's records, in order."""
    numbers: list[Any] = []
    for record in _records(state):
        _collect(record["data"], numbers)
    return numbers


def _filled(data: Any, numbers: Iterator[Any]) -> Any:
    """The same record with other numbers."""
    if isinstance(data, dict):
        return {name: _filled(data[name], numbers) for name in sorted(data)}
    if isinstance(data, list):
        return [_filled(each, numbers) for each in data]
    return next(numbers)


class Layout:
    """Where a loss's numbers stand in its row.

    Attributes:
        size: words in a row; 0 where the loss observes nothing.
        initial: the row before the first step.
        told: the weighters and their settings, for messages.
    """

    __slots__ = ("size", "initial", "told", "_name", "_template", "_whole")

    def __init__(self, loss: _native.Loss) -> None:
        text = loss.state()
        self._template = json.loads(text)
        records = list(_records(self._template))
        numbers = _numbers(self._template)
        self._whole = np.array([isinstance(number, int) for number in numbers], bool)
        shown = [f"{record['kind']}({', '.join(f'{name}={value!r}' for name, value in record['settings'].items())})" for record in records]
        self.told = " * ".join(shown)
        settled = json.dumps([{**record, "data": len(numbers)} for record in records], sort_keys=True)
        self._name = int.from_bytes(hashlib.sha256(settled.encode()).digest()[:8], "little", signed=True)
        self.size = len(numbers) + 1 if records else 0
        self.initial = self.encode(loss) if records else np.zeros(0, np.int64)

    def encode(self, loss: _native.Loss) -> NDArray[np.int64]:
        """The row of what a loss has observed."""
        return loss.row(self._name)

    def decode(self, words: NDArray[np.int64]) -> str:
        """The state of a row.

        Raises:
            StateError: where it is the row of another loss.
        """
        self.check(words)
        values = words[1:].view(np.float64).tolist()
        numbers = iter([whole if at else value for at, whole, value in zip(self._whole.tolist(), words[1:].tolist(), values)])

        def fill(state: Any) -> Any:
            if isinstance(state, list):
                return [fill(each) for each in state]
            if isinstance(state, dict):
                if "record" in state:
                    record = state["record"]
                    return {"record": {**record, "data": _filled(record["data"], numbers)}}
                return {name: fill(state[name]) for name in sorted(state)}
            return state

        return json.dumps(fill(self._template))

    def check(self, words: NDArray[np.int64]) -> None:
        """Refuses the row of another loss."""
        if words.shape != self.initial.shape or (self.size > 0 and words[0] != self.initial[0]):
            raise _native.StateError(
                f"the saved state is not one of this loss, which observes {self.told or 'nothing'}: "
                "load it into a loss of the settings that it was saved under"
            )
