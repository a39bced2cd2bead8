"""How Parley looks: one theme for every page, dark and light. The style sheet beside it is the only other place."""

from __future__ import annotations

from pathlib import Path

from gradio import themes

from ui.web.icons import icon

STATIC = Path(__file__).with_name("static")
PAGES = (
    ("Chat", "./"),
    ("Text", "./text"),
    ("Compare", "./compare"),
    ("Train", "./train"),
    ("Evaluate", "./evaluate"),
    ("Lab", "./lab"),
    ("Models", "./models"),
)
FOR_ADMINS = ("train", "evaluate", "lab", "models")
"""Pages that are not for everyone who logs in: what they do costs the machine hours, or changes what others find."""
SANS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")


def theme() -> themes.Base:
    """Type, spacing and colour; fonts are the system's own, so that nothing is fetched."""
    return themes.Base(
        primary_hue=themes.colors.teal,
        secondary_hue=themes.colors.teal,
        neutral_hue=themes.colors.stone,
        font=SANS,
        font_mono=MONO,
        radius_size=themes.sizes.radius_md,
        text_size=themes.sizes.text_md,
    ).set(
        body_background_fill="#fbfaf8",
        body_background_fill_dark="#171513",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#1f1d1a",
        background_fill_secondary="#f4f2ee",
        background_fill_secondary_dark="#1b1917",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_shadow="none",
        body_text_color_subdued="#6b645d",
        body_text_color_subdued_dark="#a8a29e",
        block_label_text_color="#6b645d",
        block_label_text_color_dark="#a8a29e",
        block_title_text_color="#57514b",
        block_title_text_color_dark="#cfc9c1",
        block_info_text_color="#6b645d",
        block_info_text_color_dark="#a8a29e",
        input_placeholder_color="#78716c",
        input_placeholder_color_dark="#a8a29e",
        input_border_width="1px",
        input_border_color="#d6d1c8",
        input_border_color_dark="#45403a",
        border_color_primary="#e5e1da",
        border_color_primary_dark="#37332e",
        input_background_fill="#ffffff",
        input_background_fill_dark="#262320",
        input_border_color_focus="#0f766e",
        input_border_color_focus_dark="#5eead4",
        slider_color="#0f766e",
        slider_color_dark="#2dd4bf",
        checkbox_background_color_selected="#0f766e",
        checkbox_background_color_selected_dark="#0f766e",
        checkbox_border_color="#8a8279",
        checkbox_border_color_dark="#78716c",
        checkbox_border_color_selected="#0f766e",
        checkbox_border_color_selected_dark="#0f766e",
        button_border_width="1px",
        button_secondary_background_fill="transparent",
        button_secondary_background_fill_dark="transparent",
        button_secondary_background_fill_hover="#efece6",
        button_secondary_background_fill_hover_dark="#2a2622",
        button_secondary_border_color="#d6d1c8",
        button_secondary_border_color_dark="#45403a",
        button_secondary_border_color_hover="#d6d1c8",
        button_secondary_border_color_hover_dark="#45403a",
        button_primary_background_fill="#0f766e",
        button_primary_background_fill_hover="#115e59",
        button_primary_background_fill_dark="#0f766e",
        button_primary_background_fill_hover_dark="#0d9488",
        button_primary_text_color="#ffffff",
    )


def style_sheets() -> list[Path]:
    """The style sheets of every page, in the order they apply."""
    return [STATIC / "style.css", STATIC / "code.css"]


def script(name: str) -> str:
    """One of our scripts."""
    return (STATIC / f"{name}.js").read_text("utf-8")


def header(here: str, *, login: bool = False) -> str:
    """The bar above every page: name, navigation, appearance. login: people log in, so they can log out."""
    links = "".join(
        f'<a href="{path}"{" aria-current=page" if title == here else ""}{_mark(path)}>{title}</a>'
        for title, path in PAGES
    )
    panels = " data-panels" if here == "Chat" else ""
    leave = '<form method="post" action="./logout" data-leave hidden><button>Log out</button></form>' if login else ""
    return (
        f'<div class="bar"{panels}><a class="brand" href="./">Parley</a><nav aria-label="Main">{links}</nav>{leave}'
        '<button type="button" data-appearance aria-label="Dark or light" title="Dark or light">'
        f"{icon('appearance')}</button></div>"
    )


def _mark(path: str) -> str:
    return " data-admin" if path.removeprefix("./") in FOR_ADMINS else ""


def code_style() -> str:
    """The colours of code blocks, light and dark, as static/code.css holds them."""
    import re

    from pygments.formatters import HtmlFormatter

    sheets = (("default", "pre.code"), ("github-dark", ".dark pre.code"))
    rules = [
        re.sub(r"\s*/\*.*?\*/", "", line)
        for style, selector in sheets
        for line in HtmlFormatter(style=style).get_style_defs(selector).splitlines()
        if line.startswith(f"{selector} .")
    ]
    comment = "/* Code colours, written by Pygments (styles default and github-dark): `python -m ui.web.theme`. */"
    return "\n".join([comment, *rules]) + "\n"


if __name__ == "__main__":
    (STATIC / "code.css").write_text(code_style(), "utf-8")
