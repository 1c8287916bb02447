"""HTML by construction: what is not made by `tag` is text, and is escaped."""

from html import escape


class Markup(str):
    """HTML that needs no escaping."""

    __slots__ = ()


_VOID = frozenset({"meta", "br", "rect", "line"})


def tag(element: str, /, *children: object, **attributes: object) -> Markup:
    """One element; `class_` is the attribute `class`, and an underscore in a name is a hyphen.

    Args:
        element: Its name.
        children: Elements made by `tag`, and texts, which are escaped.
        attributes: Their values are escaped.
    """
    told = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items())
    if element in _VOID:
        return Markup(f"<{element}{told}/>")
    return Markup(f"<{element}{told}>{joined(*children)}</{element}>")


def joined(*children: object) -> Markup:
    """Elements and texts one after the other."""
    return Markup("".join(child if isinstance(child, Markup) else escape(_printable(str(child))) for child in children))


def _printable(text: str) -> str:
    """Without control characters, which neither HTML nor PDF can hold."""
    return "".join(char if char >= " " or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)
