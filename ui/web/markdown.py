"""Markdown from models and people, as HTML that cannot act: no tags pass, no script runs, nothing is fetched."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from assistant.engines.protocol import TokenProbability

SAFE_LINKS = {"http", "https", "mailto"}


def _coloured(code: str, language: str, _attributes: str) -> str:
    """A code block coloured by Pygments' classes; plain where the language is unknown."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language) if language else None
    except ClassNotFound:
        lexer = None
    return _block(highlight(code, lexer, HtmlFormatter(nowrap=True)) if lexer else html.escape(code), language)


def _uncoloured(code: str, language: str, _attributes: str) -> str:
    """A code block that is still being written: colouring it anew at every token would slow the engine."""
    return _block(html.escape(code), language)


def _block(body: str, language: str) -> str:
    label = html.escape(language or "text")
    return (
        f'<pre class="code"><span class="code-language">{label}</span>'
        f'<button type="button" class="code-copy" data-copy-code>Copy</button><code>{body}</code></pre>'
    )


def _image(_self: RendererHTML, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    """A link in place of the image: loading it would tell a stranger's server what the conversation says."""
    source = str(tokens[index].attrs.get("src", ""))
    label = html.escape(tokens[index].content or source)
    return f'<a href="{html.escape(source)}" target="_blank" rel="noopener noreferrer nofollow">🖼 {label}</a>'


def _link_open(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, _env: Any) -> str:
    tokens[index].attrSet("target", "_blank")
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    return self.renderToken(tokens, index, options, _env)


def _parser(highlight: Callable[[str, str, str], str]) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "highlight": highlight, "breaks": True})
    parser.enable(["table", "strikethrough"])
    parser.validateLink = lambda url: urlsplit(url.strip()).scheme.lower() in SAFE_LINKS  # type: ignore[method-assign]
    parser.add_render_rule("image", _image)
    parser.add_render_rule("link_open", _link_open)
    return parser


_WHOLE = _parser(_coloured)
_GROWING = _parser(_uncoloured)


@lru_cache(maxsize=2048)
def render(text: str) -> str:
    """The text as inert HTML."""
    return _WHOLE.render(text)


def render_growing(text: str) -> str:
    """A text that will be drawn again at once: neither coloured nor remembered."""
    return _GROWING.render(text)


def settled_length(text: str) -> int:
    """How much of a growing text is whole blocks: up to the last blank line outside a code fence."""
    end = position = 0
    fence = ""
    for line in text.splitlines(keepends=True):
        position += len(line)
        mark = line.strip()
        if fence:
            if mark.startswith(fence) and not mark.strip(fence[0]):
                fence, end = "", position
        elif mark.startswith(("```", "~~~")):
            fence = mark[: len(mark) - len(mark.lstrip(mark[0]))]
        elif not mark and line.endswith("\n"):
            end = position
    return end


def tint(tokens: Iterable[TokenProbability]) -> str:
    """Generated tokens, each coloured by how probable the model held it, with the runners-up in its title."""
    spans: list[str] = []
    for token in tokens:
        probability = math.exp(min(0.0, token.logprob))
        others = ", ".join(f"{text!r} {math.exp(min(0.0, logprob)):.0%}" for text, logprob in token.alternatives)
        title = html.escape(f"{probability:.0%} sure. Candidates: {others}")
        level = min(4, int(probability * 5))
        spans.append(f'<span class="sure-{level}" title="{title}">{html.escape(token.text)}</span>')
    return f'<span class="tinted">{"".join(spans)}</span>'
