"""The few icons of the page, drawn by us: 24×24, stroked in the colour of the text around them."""

from __future__ import annotations

THUMB = "M7 11v9H4v-9zM7 11l4-7c1.7 0 2.5 1 2.2 2.6L12.6 10H18a2 2 0 0 1 2 2.4l-1.2 6A2 2 0 0 1 16.8 20H7"
PATHS = {
    "copy": '<rect x="9" y="9" width="11" height="11" rx="2"/><path d="M5 15H4V5a1 1 0 0 1 1-1h10v1"/>',
    "edit": '<path d="M4 20h4L19 9l-4-4L4 16z"/><path d="m13 7 4 4"/>',
    "regenerate": '<path d="M20 11a8 8 0 1 0-2.3 6.3"/><path d="M20 5v6h-6"/>',
    "good": f'<path d="{THUMB}"/>',
    "bad": f'<path transform="rotate(180 12 12)" d="{THUMB}"/>',
    "correct": '<path d="M4 20h16"/><path d="m6 12 4 4 8-10"/>',
    "continue": '<path d="M5 5v7a3 3 0 0 0 3 3h11"/><path d="m15 11 4 4-4 4"/>',
    "earlier": '<path d="m15 6-6 6 6 6"/>',
    "delete": '<path d="M6 6l12 12M18 6 6 18"/>',
    "appearance": '<circle cx="12" cy="12" r="8"/><path d="M12 4a8 8 0 0 1 0 16z" fill="currentColor"/>',
    "end": '<path d="M12 5v14M6 13l6 6 6-6"/>',
    "later": '<path d="m9 6 6 6-6 6"/>',
}


def icon(name: str) -> str:
    """The icon as inline SVG, hidden from screen readers: the button around it carries the name."""
    return f'<svg viewBox="0 0 24 24" aria-hidden="true">{PATHS[name]}</svg>'
