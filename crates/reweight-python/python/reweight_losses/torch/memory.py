"""Memory of large gradients, kept from step to step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

#: Bytes from which the system takes memory back at once and hands it out anew page by page, which takes as long as the loss.
LEAST = 32 << 20


class Memory:
    """The last large gradient's memory, taken again where nobody else has it any more.

    Who still holds the gradient, a view of it or an array over it holds its storage, and the storage counts its holders. Copies
    and pickles of a module begin with none.
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        # A list, because two threads cannot both pop its one entry.
        self._kept: list[torch.UntypedStorage] = []

    def __deepcopy__(self, memo: dict[int, Any]) -> Memory:
        return Memory()

    def __reduce__(self) -> Any:
        return Memory, ()

    def like(self, logits: Tensor) -> Tensor:
        """A tensor like the logits, whose contents may be anything."""
        size = logits.numel() * logits.element_size()
        if size < LEAST:
            return torch.empty_like(logits)
        kept = self._kept.pop() if self._kept else None
        if kept is not None and kept.nbytes() == size and torch._C._storage_Use_Count(kept._cdata) == 1:
            # The strides that a new tensor would have.
            strides = torch.empty_like(logits, device="meta").stride()
            gradient = torch.empty(0, dtype=logits.dtype).set_(kept, 0, logits.size(), strides)
        else:
            # Given back before more is asked for.
            kept = None
            gradient = torch.empty_like(logits)
            kept = gradient.untyped_storage()
        self._kept[:] = [kept]
        return gradient
