"""AdamW in float32 for weights that compute in a shorter type (Loshchilov and Hutter 2019, arXiv 1711.05101)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class Adam:
    """Master weights and both moments as flat float32 vectors; the parameters hold them rounded to their own type.

    average: mean of the master weights over the steps that asked for it; None before the first.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], *, weight_decay: float, clip: float) -> None:
        self.parameters = list(parameters)
        self.weight_decay = weight_decay
        self.clip = clip
        self.master = torch.cat([p.detach().reshape(-1).float() for p in self.parameters])
        self.first = torch.zeros_like(self.master)
        self.second = torch.zeros_like(self.master)
        self.average: Tensor | None = None
        self.averaged = 0
        self.steps = 0

    def step(self, rate: float, *, averaging: bool = False) -> float:
        """One update from the gradients, which are then dropped; returns their norm before clipping."""
        gradient = torch.cat([self._gradient(p) for p in self.parameters])
        norm = float(gradient.norm())
        if norm > self.clip:
            gradient.mul_(self.clip / norm)
        self.steps += 1
        self.first.lerp_(gradient, 1 - BETAS[0])
        self.second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        if self.weight_decay:
            self.master.mul_(1 - rate * self.weight_decay)
        spread = (self.second / (1 - BETAS[1] ** self.steps)).sqrt_().add_(EPSILON)
        self.master.addcdiv_(self.first, spread, value=-rate / (1 - BETAS[0] ** self.steps))
        if averaging:
            self._add_to_average()
        self.write_back(self.master)
        return norm if math.isfinite(norm) else float("nan")

    def write_back(self, values: Tensor) -> None:
        """Set the parameters to a flat vector of values."""
        place = 0
        with torch.no_grad():
            for parameter in self.parameters:
                size = parameter.numel()
                parameter.copy_(values[place : place + size].view_as(parameter))
                parameter.grad = None
                place += size

    def state(self) -> dict[str, Tensor]:
        kept = {"master": self.master, "first": self.first, "second": self.second}
        return kept if self.average is None else {**kept, "average": self.average}

    def restore(self, state: dict[str, Tensor], *, steps: int, averaged: int) -> None:
        """Go on from what `state` gave."""
        self.master.copy_(state["master"])
        self.first.copy_(state["first"])
        self.second.copy_(state["second"])
        self.average = state["average"].to(self.master.device) if "average" in state else None
        self.steps, self.averaged = steps, averaged
        self.write_back(self.master)

    def _add_to_average(self) -> None:
        self.averaged += 1
        if self.average is None:
            self.average = self.master.clone()
        else:
            self.average.lerp_(self.master, 1 / self.averaged)

    @staticmethod
    def _gradient(parameter: nn.Parameter) -> Tensor:
        if parameter.grad is None:
            return torch.zeros(parameter.numel(), device=parameter.device)
        return parameter.grad.reshape(-1).float()
