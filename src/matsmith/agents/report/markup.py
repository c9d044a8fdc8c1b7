"""HTML and SVG that cannot be injected into: whatever is not `Markup` already is escaped when it enters an element."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable

_VOID = frozenset({"meta", "br", "hr", "img", "input", "link"})
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z][\w:.-]*")


class Markup(str):
    """Text that is markup already; only this module's functions make it."""

    __slots__ = ()


Child = str | int | None | Iterable["Child"]


def visible(text: str, *, limit: int = 4000) -> str:
    r"""Drop control, bidirectional and other invisible characters, which can lie about what is shown; cut what is too long.

    >>> visible("a\x1b[31m\u202eb")
    'a[31mb'
    """
    if len(text) <= limit and text.isprintable():
        return text
    kept = "".join(
        character
        for character in text[: 2 * limit]
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
    return kept if len(kept) <= limit else kept[:limit] + " … (cut here; whole in report.json)"


def element(tag: str, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """Build one element. Attribute names take `_` for `-` and a final `_` to avoid keywords; None and False leave one out.

    >>> element("a", "<b>", href="#x", class_="n")
    '<a href="#x" class="n">&lt;b&gt;</a>'
    """
    parts = [f"<{tag}"]
    for raw, value in attributes.items():
        if value is None or value is False:
            continue
        name = raw.rstrip("_").replace("_", "-")
        if not _ATTRIBUTE_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of an attribute")
        if value is True:
            parts.append(f" {name}")
            continue
        if isinstance(value, Markup):
            text: str = value  # of this package: the long path of a drawing is not cut
        else:
            text = f"{value:.6g}" if isinstance(value, float) else visible(str(value))
        parts.append(f' {name}="{html.escape(text)}"')
    parts.append(">")
    if tag in _VOID:
        return Markup("".join(parts))
    parts.append(join(children))
    parts.append(f"</{tag}>")
    return Markup("".join(parts))


def join(children: Iterable[Child]) -> Markup:
    """Put pieces in a row, escaping each that is not markup."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            parts.append(child)
        elif isinstance(child, str | int):
            parts.append(html.escape(visible(str(child))))
        else:
            parts.append(join(child))
    return Markup("".join(parts))


def own_text(text: str) -> Markup:
    """Take a style sheet or a script of this package as it is. Never for anything that comes from a run."""
    return Markup(text)


def anchor(prefix: str, identifier: str) -> str:
    """The id of an element that stands for a candidate or a record.

    >>> anchor("r", '9f3c"><script>')
    'r-9f3c___script_'
    """
    return f"{prefix}-" + re.sub(r"[^0-9A-Za-z_-]", "_", identifier[:64])


def formula_markup(formula: str) -> Markup:
    """A formula with its digits lowered.

    >>> formula_markup("Al2O3")
    'Al<sub>2</sub>O<sub>3</sub>'
    """
    pieces = re.split(r"(?<=[A-Za-z)\]])(\d+(?:\.\d+)?)", visible(formula, limit=200))
    return join(element("sub", piece) if index % 2 else piece for index, piece in enumerate(pieces))
