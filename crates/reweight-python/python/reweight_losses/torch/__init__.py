"""The losses as PyTorch modules, for any device.

::

    import reweight_losses as rw

    loss = rw.torch.SoftmaxLoss(rw.AlphaBalance(counts=[5000, 120, 7]) * rw.Ghm(bins=30, momentum=0.75))
    loss(model(x), y).backward()

Tensors on the CPU are computed by the engine where they lie. Others, on CUDA, MPS or XPU, are computed of the same recorded formula
by torch's operations, which ``torch.compile`` fuses. GHM and its like keep what they have observed in a buffer, so that
``state_dict``, ``deepcopy`` and ``DistributedDataParallel`` carry it; ranks that share a ``process_group`` observe as one.
"""

from .modules import BceLoss as BceLoss
from .modules import Loss as Loss
from .modules import SoftmaxLoss as SoftmaxLoss
from .modules import from_loss as from_loss

__all__ = ["BceLoss", "Loss", "SoftmaxLoss", "from_loss"]
