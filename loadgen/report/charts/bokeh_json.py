"""What BokehJS draws, as the JSON that it reads.

Bokeh's own Python classes would make the same text, in as much time as all the rest of a small report takes.
"""

from __future__ import annotations

import base64
import gzip
import math
from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

SCALAR: Final = "Line"  # the glyph that has one look for all its rows
_COLUMN: Final = object()
_LOOKS: Final[
    Mapping[str, Any]
] = {  # with their defaults, or that they name a column, in the order of the classes
    **dict.fromkeys(("x", "y", "x0", "y0", "x1", "y1", "text"), _COLUMN),
    "height": 1,
    **dict.fromkeys(("left", "right"), _COLUMN),
    "size": 4,
    "x_offset": 0,
    "y_offset": 0,
    "anchor": "auto",
    "line_color": "black",
    "line_alpha": 1.0,
    "line_width": 1,
    "line_dash": "solid",
    "fill_color": "gray",
    "fill_alpha": 1.0,
    "marker": "circle",
    "text_font": "helvetica",
    "text_font_size": "16px",
}
_DASHES: Final = {"dashed": [6], "dotted": [2, 4], "dotdash": [2, 4, 6, 4], "dashdot": [6, 4, 2, 4]}


class Model:
    """An object of a class of BokehJS, with those of its properties that are not the defaults."""

    def __init__(self, name: str, **properties: Any) -> None:
        self.name = name
        self.properties = properties


def glyph(name: str, tags: Sequence[str], looks: Mapping[str, Any]) -> Model:
    """Return the glyph of that class: ``looks`` are names of columns, and values for all rows."""
    found: dict[str, Any] = {"tags": list(tags)}
    for each, default in _LOOKS.items():
        if (value := looks.get(each, default)) == default:
            continue
        if default is _COLUMN:
            found[each] = {"type": "field", "field": value}
        else:
            found[each] = _DASHES.get(value, value) if name == SCALAR else {"type": "value", "value": value}
    return Model(name, **found)


def entries(of: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a map."""
    return {"type": "map", "entries": [[key, value] for key, value in of.items()]}


def item(root: Model, numbers: dict[Model, str]) -> dict[str, Any]:
    """Return what ``Bokeh.embed.embed_item`` reads. ``numbers`` are those of the page's models so far."""
    numbers[root] = f"m{len(numbers)}"
    config = _encoded(Model("DocumentConfig", notifications=Model("Notifications")), numbers)
    document = {"version": _version(), "title": "", "config": config, "roots": [_object(root, numbers)]}
    return {"target_id": None, "root_id": numbers[root], "doc": document, "version": _version()}


def _encoded(value: Any, numbers: dict[Model, str]) -> Any:
    if isinstance(value, str):  # most are
        return value
    if isinstance(value, Model):
        if value in numbers:
            return {"id": numbers[value]}
        numbers[value] = f"m{len(numbers)}"
        return _object(value, numbers)
    if isinstance(value, np.ndarray):
        data = base64.b64encode(gzip.compress(value.tobytes(), 2, mtime=1)).decode()
        of = {"shape": list(value.shape), "dtype": value.dtype.name, "order": "little"}
        return {"type": "ndarray", "array": {"type": "bytes", "data": data}, **of}
    if isinstance(value, dict):
        return {name: _encoded(each, numbers) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_encoded(each, numbers) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"type": "number", "value": "nan" if math.isnan(value) else f"{value:+}"}
    return value


def _object(of: Model, numbers: dict[Model, str]) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "object", "name": of.name, "id": numbers[of]}
    if of.properties:
        made["attributes"] = {name: _encoded(value, numbers) for name, value in of.properties.items()}
    return made


_version = cache(partial(version, "bokeh"))


@cache
def scripts() -> Sequence[str]:
    """Return the library, and what sets it up."""
    found = find_spec("bokeh")
    assert found is not None
    assert found.origin is not None
    path = Path(found.origin).parent / "server" / "static" / "js" / "bokeh.min.js"
    library = path.read_text(encoding="utf-8")
    return f"/* BEGIN {path.name} */\n{library}\n/* END {path.name} */", 'Bokeh.set_log_level("error");'
