"""How each client is drawn: one colour, mark and dash, the same in every chart, table and report.

Colours are named by a CSS variable that the page defines for light and dark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from loadgen.model import ClientId, Mode
from loadgen.report.text import plain

# Okabe-Ito, warm for threads and cool for tasks, darkened for white paper and lightened for dark screens
_PALETTES: Mapping[Mode, tuple[tuple[str, str], ...]] = {
    "threads": (
        ("#C77700", "#F0B040"), ("#C2420A", "#F4794A"), ("#A8527F", "#E39AC4"), ("#7A6A00", "#E8DE5A"),
    ),
    "tasks": (
        ("#0068A8", "#5AB4F0"), ("#00845F", "#2FC79B"), ("#5B4FB5", "#A79BF2"), ("#2A8CA8", "#7AD3EA"),
    ),
    "greenlets": (
        ("#4F7A00", "#A5D04A"), ("#8A5A2B", "#D6A672"), ("#6B7A00", "#CCD95A"), ("#7A4A4A", "#D99C9C"),
    ),
}  # fmt: skip
_MARKERS: Mapping[Mode, tuple[str, ...]] = {
    "threads": ("square", "triangle", "diamond", "plus"),
    "tasks": ("circle", "inverted_triangle", "hex", "cross"),
    "greenlets": ("diamond", "hex", "square", "circle"),
}
_DASHES = ("solid", "dashed", "dotdash", "dashdot")
_FLOOR = ("#6B7280", "#A3ABB8")
_KNOWN = {"requests": 0, "httpx-sync": 1, "httpx-async": 0, "aiohttp": 1}


@dataclass(frozen=True, slots=True)
class ClientStyle:
    """How one client is drawn. ``variable`` is the CSS variable that holds its colour.

    ``short`` is its label where room is short: the options alone, where several variants of one client differ by them.
    """

    label: str
    short: str
    variable: str
    light: str
    dark: str
    marker: str
    dash: str


Styles = Mapping[ClientId, ClientStyle]


def client_styles(clients: Mapping[ClientId, Mode]) -> Styles:
    """Return a style for every client, the same in every report of the same clients.

    An A/A control has the style of its client, dotted.
    """
    styles: dict[ClientId, ClientStyle] = {}
    names = Counter(client.name for client in clients if not client.control)
    variants = Counter(client.variant for client in clients)
    taken: set[tuple[Mode, int, int]] = set()
    controls = [client for client in clients if client.control and client.original in clients]
    order = sorted(clients.keys() - set(controls), key=lambda client: (_known(client) is None, client.label))
    for client in order:
        mode, variant, variable = clients[client], client.variant, f"--client-{len(styles)}"
        is_floor = client.name == "floor"
        colour, turn = _place(mode, _known(client) or 0, set() if is_floor else taken)
        shape = (colour + turn) % len(_DASHES)
        light, dark = _FLOOR if is_floor else _PALETTES[mode][colour]
        alone = variant and names[client.name] > 1 and variants[variant] == 1
        marker, dash = ("x", "dotted") if is_floor else (_MARKERS[mode][shape], _DASHES[shape])
        label, short = plain(client.label, 40), plain(variant if alone else client.label, 40)
        styles[client] = ClientStyle(label, short, variable, light, dark, marker, dash)
    for client in controls:
        label, variable = plain(client.label, 40), f"--client-{len(styles)}"
        original = styles[client.original]
        styles[client] = replace(original, label=label, short=label, variable=variable, dash="dotted")
    return {client: styles[client] for client in clients}


def _known(client: ClientId) -> int | None:
    """Return the reserved colour of a client without options; ``None`` for others."""
    return None if client.variant else _KNOWN.get(client.name)


def _place(mode: Mode, colour: int, taken: set[tuple[Mode, int, int]]) -> tuple[int, int]:
    """Return the place of a free colour, and how many clients have that colour already, with other marks and dashes."""
    count = len(_PALETTES[mode])
    for step in range(count * len(_DASHES)):
        place = (colour + step) % count, step // count
        if (mode, *place) not in taken:
            break
    taken.add((mode, *place))
    return place
