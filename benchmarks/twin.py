"""The same network twice, here and in PyTorch, from the same weights over the same batches.

What the programs beside this one share: none of them is a test, each prints figures.
"""

import numpy as np


def step_of(model, loss, optimizer, clip=None):
    """step(x, target) -> loss: one update of ours."""
    from optim import clip_by_norm

    def step(x, target):
        value = loss.forward(model.forward(x), target)
        _, grads = model.backward(loss.backward())
        if clip:
            clip_by_norm(grads, clip)
        optimizer.step(grads)
        return value

    return step


def twin_step_of(model, loss, optimizer, clip=None):
    """step(x, target) -> loss: one update of PyTorch's."""
    import torch

    def step(x, target):
        optimizer.zero_grad()
        value = loss(model(torch.from_numpy(x)), torch.from_numpy(target))
        value.backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        return value.item()

    return step


def copy_weights(model, twin, names):
    """Put our weights into PyTorch's model; names maps its parameters to ours, several of them stacked."""
    import torch

    theirs = dict(twin.named_parameters())
    assert theirs.keys() == names.keys(), theirs.keys() ^ names.keys()
    for name, ours in names.items():
        arrays = [model.params[one] for one in ([ours] if isinstance(ours, str) else ours)]
        theirs[name].data = torch.from_numpy(np.concatenate(arrays))


def print_difference(step, twin_step, batches):
    """How far the two loss curves are apart; too far ends the program."""
    curves = np.array([(step(x, target), twin_step(x, target)) for x, target in batches])
    ours, theirs = curves.T
    apart = np.max(np.abs(ours - theirs) / np.abs(theirs))
    print(
        f"  beside PyTorch in float64, {len(ours)} steps from {ours[0]:.4f} to {ours[-1]:.4f}: "
        f"losses at most {apart:.0e} apart (<= 1e-4)"
    )
    if not apart <= 1e-4:
        raise SystemExit("the loss curves part")
