"""How the suite looks: paper and pine by day, slate and mint by night; no font or style comes from elsewhere."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import gradio as gr
from gradio.themes.utils import colors, sizes

from mm_demos.tabs import TABS

CSS = Path(__file__).with_name("style.css")
ACCESSIBILITY = Path(__file__).with_name("accessibility.js")

PINE = colors.Color(
    "#eefaf6",
    "#d3f1e6",
    "#a9e3cf",
    "#75cdb1",
    "#43b193",
    "#22957a",
    "#157862",
    "#126050",
    "#124d42",
    "#103f37",
    "#07241f",
    "pine",
)
PAPER = colors.Color(
    "#faf8f4",
    "#f3efe8",
    "#e7e1d6",
    "#d3cbbd",
    "#a8a092",
    "#686257",  # the subdued text: 4.5 : 1 on every paper
    "#5f594f",
    "#47433c",
    "#2d2b28",
    "#1e1d1b",
    "#141312",
    "paper",
)

LOGO = (
    '<svg class="mm-logo" viewBox="0 0 40 40" aria-hidden="true"><rect x="1" y="1" width="38" height="38" rx="11"/>'
    '<path d="M8 21v-3M13 26V13M18 30V9M23 25V15"/><circle cx="30" cy="20" r="3.4"/></svg>'
)

# Ctrl+Enter presses the Run button that can be seen; Gradio itself knows only Shift+Enter inside one text box.
HEAD = """<meta name="description" content="Speech, pictures and language models on your own machine">
<script>
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const run = [...document.querySelectorAll("button.mm-run")].find((button) => button.offsetParent !== null);
  if (run) { event.preventDefault(); document.activeElement?.blur(); setTimeout(() => run.click(), 60); }
}, true);
</script>"""


def head() -> str:
    """What the page's head holds beside Gradio's: the description, the keys, and what makes it fit for screen readers."""
    return f"{HEAD}\n<script>{ACCESSIBILITY.read_text(encoding='utf-8')}</script>"


def theme() -> gr.themes.Base:
    """The Gradio theme object."""
    sans = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
    mono = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
    base = gr.themes.Base(
        primary_hue=PINE,
        secondary_hue=PINE,
        neutral_hue=PAPER,
        font=sans,
        font_mono=mono,
        radius_size=sizes.radius_lg,
        text_size=sizes.text_md,
    )
    return base.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="#111416",
        body_text_color="*neutral_800",
        body_text_color_dark="#e6e8e6",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="#98a09d",
        background_fill_primary="white",
        background_fill_primary_dark="#191d1f",
        background_fill_secondary="*neutral_100",
        background_fill_secondary_dark="#202528",
        border_color_primary="*neutral_200",
        border_color_primary_dark="#2c3336",
        border_color_accent="*primary_400",
        border_color_accent_dark="*primary_500",
        color_accent="*primary_600",
        color_accent_soft="*primary_50",
        color_accent_soft_dark="#16302a",
        block_background_fill="white",
        block_background_fill_dark="#191d1f",
        block_border_width="1px",
        block_border_color="*neutral_200",
        block_border_color_dark="#2c3336",
        block_shadow="none",
        block_radius="14px",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_label_text_color="*neutral_500",
        block_label_text_color_dark="#98a09d",
        block_label_text_weight="500",
        block_title_text_color="*neutral_600",
        block_title_text_color_dark="#b9c0bd",
        block_title_text_weight="550",
        block_title_text_size="*text_sm",
        input_background_fill="*neutral_50",
        input_background_fill_dark="#14181a",
        input_border_color="*neutral_200",
        input_border_color_dark="#2c3336",
        input_border_color_focus="*primary_500",
        input_border_color_focus_dark="*primary_400",
        input_shadow_focus="0 0 0 3px rgb(34 149 122 / 0.16)",
        button_large_radius="11px",
        button_small_radius="9px",
        button_large_text_weight="600",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_500",
        button_primary_background_fill_hover_dark="*primary_400",
        button_primary_text_color="white",
        button_primary_text_color_dark="#06201b",
        button_secondary_background_fill="white",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_dark="#202528",
        button_secondary_background_fill_hover_dark="#2a3033",
        button_secondary_border_color="*neutral_200",
        button_secondary_border_color_dark="#333b3e",
        button_secondary_text_color="*neutral_700",
        button_secondary_text_color_dark="#d5dad7",
        button_cancel_background_fill="#fff4ef",
        button_cancel_background_fill_hover="#fde5da",
        button_cancel_background_fill_dark="#3a2119",
        button_cancel_background_fill_hover_dark="#4b291e",
        button_cancel_text_color="#b3401c",
        button_cancel_text_color_dark="#f3a98c",
        checkbox_label_background_fill="*neutral_50",
        checkbox_label_background_fill_dark="#14181a",
        checkbox_label_background_fill_selected="*primary_50",
        checkbox_label_background_fill_selected_dark="#16302a",
        checkbox_label_text_color_selected="*primary_800",
        checkbox_label_text_color_selected_dark="*primary_200",
        checkbox_label_border_color_selected="*primary_400",
        slider_color="*primary_500",
        loader_color="*primary_500",
        table_even_background_fill="white",
        table_odd_background_fill="*neutral_50",
        table_even_background_fill_dark="#191d1f",
        table_odd_background_fill_dark="#1c2123",
    )


def icons_css() -> str:
    """One mask per tab, so that its line icon takes the colour of the tab's text."""
    rules = []
    for tab in TABS:
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#000" stroke-width="1.8" '
            f'stroke-linecap="round" stroke-linejoin="round"><path d="{tab.icon}"/></svg>'
        )
        image = f'url("data:image/svg+xml,{quote(svg)}")'
        rules.append(f"#tab-{tab.name}-button::before {{ -webkit-mask-image: {image}; mask-image: {image}; }}")
    return "\n".join(rules)
