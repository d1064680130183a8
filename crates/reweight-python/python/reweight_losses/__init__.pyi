"""What the package offers; the built-in kinds' classes are made when it is imported, and one line each here names their settings."""

from collections.abc import Sequence
from typing import TypeAlias

from . import catboost as catboost
from . import lightgbm as lightgbm
from . import testing as testing
from . import torch as torch
from . import xgboost as xgboost
from ._native import BatchError as BatchError
from ._native import ConfigError as ConfigError
from ._native import DtypeError as DtypeError
from ._native import Error as Error
from ._native import StateError as StateError
from ._native import instruction_set as instruction_set
from ._native import set_threads as set_threads
from ._native import threads as threads
from .formula import Counted as Counted
from .formula import Fit as Fit
from .formula import Formula as Formula
from .formula import Regions as Regions
from .formula import Table as Table
from .loss import BceLoss as BceLoss
from .loss import Loss as Loss
from .loss import SoftmaxLoss as SoftmaxLoss
from .loss import Step as Step
from .loss import from_toml as from_toml
from .loss import load as load
from .parts import Adjustment as Adjustment
from .parts import Base as Base
from .parts import Product as Product
from .parts import Weighter as Weighter
from .tracing import Symbol as Symbol
from .tracing import SymbolicSample as SymbolicSample
from .tracing import TraceError as TraceError
from .tracing import absolute as absolute
from .tracing import base as base
from .tracing import detach as detach
from .tracing import exp as exp
from .tracing import expm1 as expm1
from .tracing import log as log
from .tracing import log1p as log1p
from .tracing import log_sigmoid as log_sigmoid
from .tracing import maximum as maximum
from .tracing import minimum as minimum
from .tracing import sigmoid as sigmoid
from .tracing import softplus as softplus
from .tracing import sqrt as sqrt
from .tracing import weighter as weighter
from .tracing import where_le as where_le

__version__: str
__all__ = [
    "Adjustment",
    "AlphaBalance",
    "Base",
    "BatchError",
    "BceLoss",
    "ConfigError",
    "Counted",
    "CrossEntropy",
    "DtypeError",
    "Error",
    "Fit",
    "Focal",
    "Formula",
    "GeneralizedCrossEntropy",
    "Ghm",
    "HardExamples",
    "Ldam",
    "LogitAdjustment",
    "Loss",
    "Poly1",
    "PosWeight",
    "ProbabilityShift",
    "Product",
    "QualityFocal",
    "Regions",
    "SelfPaced",
    "SoftmaxLoss",
    "StateError",
    "Step",
    "Symbol",
    "SymbolicSample",
    "Table",
    "TraceError",
    "Varifocal",
    "VectorScaling",
    "Weighter",
    "absolute",
    "base",
    "detach",
    "exp",
    "expm1",
    "from_toml",
    "instruction_set",
    "load",
    "log",
    "log1p",
    "log_sigmoid",
    "maximum",
    "minimum",
    "set_threads",
    "sigmoid",
    "softplus",
    "sqrt",
    "testing",
    "threads",
    "weighter",
    "where_le",
]

def __dir__() -> list[str]: ...

_Pair: TypeAlias = tuple[float, float] | None
_Number: TypeAlias = float | None
_Numbers: TypeAlias = float | Sequence[float] | None
_Counts: TypeAlias = Sequence[int] | Sequence[Sequence[int]] | None
_Count: TypeAlias = int | None
_Name: TypeAlias = str | None
_Flag: TypeAlias = bool | None

class AlphaBalance(Weighter):
    def __init__(self, alpha: _Number = None, class_weights: Sequence[float] | None = None, counts: _Counts = None, scheme: _Name = None, beta: _Number = None, axis: _Count = None, *, scale: _Number = None, clamp: _Pair = None, detached: _Flag = None) -> None: ...

class Focal(Weighter):
    def __init__(self, gamma: _Number = None, gamma_pos: _Number = None, gamma_neg: _Number = None, gammas: Sequence[float] | None = None, *, scale: _Number = None, clamp: _Pair = None, detached: _Flag = None) -> None: ...

class Ghm(Weighter):
    def __init__(self, bins: _Count = None, momentum: _Number = None, preset: _Name = None, decay: _Name = None, normaliser: _Name = None, unit: _Name = None, bias_correction: _Flag = None, cap: _Number = None, mean_one: _Flag = None, *, scale: _Number = None, clamp: _Pair = None, detached: _Flag = None) -> None: ...

class PosWeight(Weighter):
    def __init__(self, values: _Numbers = None, axis: _Count = None, *, scale: _Number = None, clamp: _Pair = None, detached: _Flag = None) -> None: ...

class QualityFocal(Weighter):
    def __init__(self, beta: _Number = None, *, scale: _Number = None, clamp: _Pair = None, detached: _Flag = None) -> None: ...

class Varifocal(Weighter):
    def __init__(self, alpha: _Number = None, gamma: _Number = None, *, scale: _Number = None, clamp: _Pair = None, detached: _Flag = None) -> None: ...

class HardExamples(Weighter):
    def __init__(self, keep: _Number = None, *, scale: _Number = None, clamp: _Pair = None, detached: _Flag = None) -> None: ...

class SelfPaced(Weighter):
    def __init__(self, threshold: _Number = None, form: _Name = None, *, scale: _Number = None, clamp: _Pair = None, detached: _Flag = None) -> None: ...

class CrossEntropy(Base):
    def __init__(self) -> None: ...

class Poly1(Base):
    def __init__(self, epsilon: _Number = None) -> None: ...

class GeneralizedCrossEntropy(Base):
    def __init__(self, exponent: _Number = None) -> None: ...

class LogitAdjustment(Adjustment):
    def __init__(self, counts: _Counts = None, tau: _Number = None, axis: _Count = None) -> None: ...

class Ldam(Adjustment):
    def __init__(self, counts: _Counts = None, max_margin: _Number = None, scale: _Number = None) -> None: ...

class VectorScaling(Adjustment):
    def __init__(self, scale: _Numbers = None, offset: _Numbers = None, axis: _Count = None) -> None: ...

class ProbabilityShift(Adjustment):
    def __init__(self, margin: _Number = None) -> None: ...
