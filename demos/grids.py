"""Pictures for people: many in one PNG, or one after the other in a GIF."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from demos.images import unscaled

SCALE = 3
"""Screen's pixels a pixel."""
GAP = 2
COLUMNS = 10
"""Of a grid: Fashion-MNIST's classes below each other."""


def grid(images: Tensor, columns: int = COLUMNS, *, scale: int = SCALE) -> Image.Image:
    """(count, 1 or 3, height, width) in [-1, 1] as one picture, `columns` in a row."""
    count, channels, height, width = images.shape
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    high, wide = height * scale + GAP, width * scale + GAP
    sheet = torch.full((channels, rows * high - GAP, columns * wide - GAP), 96, dtype=torch.uint8)
    large = unscaled(images).repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    for place, image in enumerate(large):
        top, left = place // columns * high, place % columns * wide
        sheet[:, top : top + height * scale, left : left + width * scale] = image
    return Image.fromarray(sheet[0].numpy() if channels == 1 else sheet.permute(1, 2, 0).numpy())


def png(image: Image.Image) -> bytes:
    """The bytes of a PNG file."""
    to = io.BytesIO()
    image.save(to, "PNG", optimize=True)
    return to.getvalue()


def gif(frames: Sequence[Image.Image], *, milliseconds: int = 120, last: int = 1500) -> bytes:
    """The bytes of a GIF file that shows the frames over and over. last: milliseconds of the last one."""
    to = io.BytesIO()
    times = [milliseconds] * (len(frames) - 1) + [last]
    frames[0].save(to, "GIF", save_all=True, append_images=list(frames[1:]), duration=times, loop=0)
    return to.getvalue()
