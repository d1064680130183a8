"""What a peer is: forms of one loss, the fastest of which is kept after each has been compiled and warmed.

A form takes no argument and returns (loss, gradient) of the loaded batch, both computed anew. What it needs in another
dtype or library was converted when it was made, outside every timed region.
"""

import time

import torch

#: Calls before a form is timed, and timed calls by which forms are compared.
WARM_UP, TRIALS = 3, 5


class Peer:
    """`forms`: name to callable; `reset` puts back a state that forms carry from call to call."""

    def __init__(self, forms, reset=lambda: None):
        self.forms, self.reset = forms, reset
        self.tried = None

    def best(self):
        """Name and callable of the fastest form; the first call compiles and tries all of them."""
        if self.tried is None:
            self.tried = {}
            for name, form in self.forms.items():
                for _ in range(WARM_UP):
                    form()
                self.tried[name] = min(timed(form, TRIALS))
        name = min(self.tried, key=self.tried.get)
        return name, self.forms[name]


def timed(form, reps):
    """Milliseconds of each of `reps` calls."""
    taken = []
    for _ in range(reps):
        start = time.perf_counter()
        form()
        taken.append((time.perf_counter() - start) * 1e3)
    return taken


def backward(function, logits, *rest):
    """A form by torch's tape, as a training step does it: a fresh graph, `.grad` dropped before."""
    leaf = logits.detach().clone().requires_grad_()

    def form():
        leaf.grad = None
        loss = function(leaf, *rest)
        loss.backward()
        return loss, leaf.grad

    return form


def compiled(function, logits, *rest):
    """torch.compile of the loss; forward and backward become one kernel each, or a few."""
    return backward(torch.compile(function, dynamic=False), logits, *rest)


def joined(function, logits, *rest):
    """torch.compile of loss and gradient together, which may fuse both into one kernel.

    No layer in a network can be called so (there the gradient comes from `.backward()`), but it is the fastest that
    torch.compile can do, so it is shown as a peer of its own.
    """

    def both(x, *others):
        grad, loss = torch.func.grad_and_value(function)(x, *others)
        return loss, grad

    whole = torch.compile(both, dynamic=False)
    leaf = logits.detach().clone()
    return lambda: whole(leaf, *rest)


def jitted(function, logits, *rest):
    """jax.jit of value_and_grad, waited for."""
    import jax

    whole = jax.jit(jax.value_and_grad(function))
    arrays = [jax.device_put(value) for value in (logits, *rest)]
    return lambda: jax.block_until_ready(whole(*arrays))
