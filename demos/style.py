"""The style of one picture on the content of another (Gatys et al. 2015, arXiv:1508.06576), in the layers of a small
classifier.

Good at: texture, stripes and shading, with no training of its own: what learns is the picture.
Fails at: speed, as each picture is an optimisation of its own; and it knows no style that its classifier's layers do
not tell apart. One of clothes at 28 by 28 pixels knows little.

    G^l = F^l F^lᵀ,  L = α ½ Σ (F − P)² + β Σ_l w_l Σ (G^l − A^l)²                                    (eqs. 1, 3 – 5, 7)

F^l, P, A^l: what layer l says of the picture, of the content, and the style's G^l. Both losses are taken here as shares
of what is to be met, ΣP² and Σ(A^l)², so that α = 1 − weight and β = weight mean the same for any picture and
classifier; the picture begins as the content rather than as noise; and roughness costs a little (total variation,
Mahendran & Vedaldi 2015, arXiv:1412.0035).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from demos.classifier import Classifier

CONTENT, STYLE = 3, (0, 1, 2, 3)
"""Which of the classifier's blocks tell what is there, and how it looks."""
RATE, NOISE, SMOOTH = 0.03, 0.05, 0.15
"""Of learning; of noise on the picture at its beginning, by which two seeds differ; weight of roughness in the
style's."""


def responses(classifier: Classifier, x: Tensor) -> list[Tensor]:
    """What each block up to the content's says of pictures (batch, channels, 28, 28): F, (batch, filters, places)
    each."""
    found: list[Tensor] = []
    for part in classifier.body:
        x = part(x)
        if isinstance(part, nn.ReLU):
            found.append(x.flatten(2))
        if len(found) > max(CONTENT, *STYLE):
            break
    return found


def gram(responses: Tensor) -> Tensor:
    """How often two filters of a layer answer together: (batch, filters, places) → (batch, filters, filters), the mean
    over places (eq. 3)."""
    return responses @ responses.mT / responses.shape[2]


def share(one: Tensor, wanted: Tensor) -> Tensor:
    """Σ (one − wanted)² / Σ wanted²."""
    return (one - wanted).square().sum() / wanted.square().sum().clamp_min(1e-8)


def style_distance(found: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """How far the style of responses is from another's, the mean over layers (eqs. 4 and 5)."""
    return torch.stack([share(gram(found[layer]), gram(wanted[layer])) for layer in STYLE]).mean()


def roughness(x: Tensor) -> Tensor:
    """The mean difference of neighbours, across and down: (batch, channels, height, width) → a scalar."""
    return x.diff(dim=2).abs().mean() + x.diff(dim=3).abs().mean()


def film(
    classifier: Classifier, content: Tensor, style: Tensor, *, weight: float = 0.5, steps: int = 100, seed: int = 0
) -> Iterator[Tensor]:
    """The picture after each step, (channels, 28, 28) in [-1, 1]. content, style: the same.

    weight: of the style, from 0, the content, to 1, nothing but style.
    """
    with torch.no_grad():
        whole, manner = responses(classifier, content[None]), responses(classifier, style[None])
    noise = NOISE * torch.randn(content.shape, generator=torch.Generator().manual_seed(seed))
    x = (content + noise).clamp(-1, 1)[None].requires_grad_()
    optimiser = torch.optim.Adam([x], RATE)
    for _ in range(steps):
        with torch.enable_grad():
            found = responses(classifier, x)
            manners = style_distance(found, manner) + SMOOTH * roughness(x)
            loss = (1 - weight) * share(found[CONTENT], whole[CONTENT]) + weight * manners
            (x.grad,) = torch.autograd.grad(loss, x)
        optimiser.step()
        with torch.no_grad():
            x.clamp_(-1, 1)
        yield x.detach()[0].clone()


def carry(classifier: Classifier, content: Tensor, style: Tensor, *, weight: float, steps: int, seed: int) -> Tensor:
    """The last of the film."""
    return deque(film(classifier, content, style, weight=weight, steps=steps, seed=seed), maxlen=1)[0]
