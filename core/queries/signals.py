"""What goes forward through each layer of a net, and what comes back: the strength of responses and of gradients.

Source: He et al. 2015, section 4.1 ("healthy norms" of the backward signal) and figure 7 (standard deviation of layer
responses, after batch normalisation and before the nonlinearity).
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.events import Arrays


def signals(model: nn.Module, layers: list[nn.Module], images: Tensor, labels: Tensor) -> Arrays:
    """One value a layer, in their order, on these pictures in training mode (batch statistics); the net stays as it is.

    "response": standard deviation of the layer's output over pictures, channels and places. "gradient": norm of the
    gradient of a picture's loss with respect to that output, root mean square over the pictures.
    """
    places = [name for name, one in model.named_modules() if any(one is layer for layer in layers)]
    net = copy.deepcopy(model).train()  # running statistics of the copy may move
    modules = dict(net.named_modules())
    spreads: list[Tensor] = []
    norms: dict[int, Tensor] = {}

    def watch(_: nn.Module, __: object, output: Tensor) -> None:
        place = len(spreads)
        spreads.append(output.detach().std())
        output.register_hook(lambda gradient: norms.__setitem__(place, gradient.square().sum()))

    for name in places:
        modules[name].register_forward_hook(watch)
    with torch.enable_grad():
        F.cross_entropy(net(images), labels, reduction="sum").backward()
    squares = torch.stack([norms[place] for place in range(len(places))])
    return Arrays(
        0,
        {
            "response": torch.stack(spreads).cpu().numpy(),
            "gradient": (squares / len(images)).sqrt().cpu().numpy(),
        },
    )
