"""The native module: what the package's own code calls, and what a module for another framework may call in place of it.

Configs, entries and states are JSON texts. Arrays are NumPy's, of any strides; nothing is converted here: an array of another type
is a :class:`DtypeError`. The interpreter's lock is released while a pass runs.
"""

import os
from typing import Any, Final, Literal, TypedDict, final, type_check_only

import numpy as np
from numpy.typing import NDArray

__version__: Final[str]
__all__ = [
    "BatchError",
    "ConfigError",
    "DtypeError",
    "Error",
    "Loss",
    "StateError",
    "__version__",
    "check_laws",
    "check_part",
    "instruction_set",
    "kinds",
    "leave_threads",
    "read_config",
    "run_program",
    "set_threads",
    "threads",
    "write_config",
]

class Error(ValueError):
    """What this package refuses; its text says what would mend it."""

class ConfigError(Error):
    """A part's setting, or a loss's, that is not right."""

class BatchError(Error):
    """A batch that a loss refuses; the loss is as it was."""

class DtypeError(Error):
    """An array of a type that is not taken."""

class StateError(Error):
    """A saved state that does not belong to the loss; the loss is as it was."""

@type_check_only
class _FormulaData(TypedDict):
    """Nodes and outputs, as :class:`reweight_losses.formula.Formula` has them."""

    nodes: list[tuple[Any, ...]]
    outputs: dict[str, int]

@type_check_only
class _CountedData(TypedDict):
    """What is counted; a histogram has ``spacing``, ``bins``, ``thresholds`` and ``thresholds_f32``."""

    class_counts: bool
    histograms: list[dict[str, Any]]

@type_check_only
class _FitData(TypedDict):
    """The affine map of the logits, and where their columns lie: see :class:`reweight_losses.formula.Fit`."""

    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    margin: NDArray[np.float64]
    columns: int
    inner: int

@final
class Loss:
    """A loss of a config. May be used from several threads: training steps wait for each other."""

    def __new__(cls, config: str, /) -> Loss:
        """Raises ConfigError where the config is not right."""

    def config(self) -> str:
        """The config."""

    def reconfigure(self, config: str, /) -> None:
        """Takes another config and keeps what was observed.

        Raises ConfigError or StateError where that is not right or does not fit; the loss is then as it was.
        """

    def run(
        self,
        mode: Literal["train", "evaluate", "weigh"] | str,
        logits: NDArray[Any],
        targets: NDArray[Any],
        valid: NDArray[np.bool_] | None = None,
        sample_weight: NDArray[Any] | None = None,
        grad: NDArray[Any] | None = None,
        hessian: NDArray[Any] | None = None,
        hessian_form: Literal["exact", "clamped", "gauss-newton"] | str = "exact",
        weights: NDArray[Any] | None = None,
        losses: NDArray[Any] | None = None,
    ) -> tuple[float | None, int, int, float]:
        """One pass: "train" counts, observes and weighs; "evaluate" does so on a copy, and the loss stays as it is; "weigh" weighs
        with what was observed.

        ``logits``, ``sample_weight`` and the four outputs are of one type, float32 or float64; ``grad`` and ``hessian`` have the
        logits' shape, the others the targets', without broadcasting. Softmax: logits (N, C, d…), targets (N, d…). Outputs that are
        given are overwritten, all of them; those that are None cost nothing.

        Returns the reduced loss (None under reduction "none"), valid samples, positives, and the sum of weights.

        Raises BatchError or DtypeError; the loss is then as it was, and each output as it was or all 0.
        """

    def statistics(
        self,
        logits: NDArray[Any],
        targets: NDArray[Any],
        valid: NDArray[np.bool_] | None = None,
        sample_weight: NDArray[Any] | None = None,
    ) -> NDArray[np.int64]:
        """Counts, in the order of ``counted``: whole numbers, so that their sum over ranks is what one run would have counted."""

    def no_statistics(self, classes: int = 2) -> NDArray[np.int64]:
        """Counts of no sample, in the same order: what a rank without a batch sends."""

    def observe(self, counts: NDArray[np.int64], /) -> None:
        """Takes in one step's counts; those of no valid sample change nothing."""

    def observes(self) -> bool:
        """Whether a training step changes the loss."""

    def state(self) -> str:
        """What was observed."""

    def row(self, name: int, /) -> NDArray[np.int64]:
        """The same as one row after a word of its own: whole numbers as they stand, floats as their bits."""

    def restore(self, state: str, /) -> None:
        """Goes on from there; raises StateError where it does not fit, and the loss is as it was."""

    def reset(self) -> None:
        """Forgets what was observed."""

    def formula(self, wanted: Literal["step", "second", "gauss-newton", "key"] | str, soft: bool) -> _FormulaData:
        """The recorded formula for hard or soft labels."""

    def tables(self, soft: bool) -> list[dict[str, Any]]:
        """The tables that the formula reads: ``values``, and for regions what a histogram has besides."""

    def counted(self, soft: bool) -> _CountedData:
        """What ``statistics`` counts."""

    def fit(self, shape: list[int], soft: bool) -> _FitData:
        """What is done to the logits of a batch of that shape; raises BatchError where a part does not fit."""

def kinds() -> list[tuple[str, str, list[str], str, str]]:
    """Every built-in kind: role, kind, names of its settings in order, formula, and its settings in words."""

def check_part(role: str, entry: str, /) -> str:
    """Checks a part's entry, and returns it as it was read."""

def check_laws(role: str, entry: str, classes: int, /) -> str | None:
    """The law that a weighter or base breaks, if any."""

def read_config(toml: str, /) -> str:
    """A TOML config as JSON."""

def write_config(json: str, /) -> str:
    """A JSON config as TOML."""

def set_threads(count: int | None, /) -> None:
    """Sets how many threads batches of more than 32,768 logits are computed on; None for one a core.

    Results are the same bits whatever their number.
    """

def threads() -> int:
    """How many threads large batches are computed on."""

def leave_threads() -> None:
    """For a process that was forked: forgets the threads that it has not."""

def instruction_set() -> str:
    """The vector instructions that losses are computed with."""

def run_program(arguments: list[str | os.PathLike[str]], closed: bool, /) -> int:
    """Runs the program ``reweight``; the program's name comes first. ``closed``: there is no standard output."""
