"""One text in every language the product speaks."""

from naryad.i18n import LANGUAGES, _, speaking


def both(message: str, /, **values: object) -> dict[str, str]:
    """Translate a message marked with `N_` into each language, then fill in the values.

    A value that is itself such a dictionary is taken in the same language.
    """
    texts = {}
    for lang in LANGUAGES:
        with speaking(lang):
            filled = {name: value[lang] if isinstance(value, dict) else value for name, value in values.items()}
            texts[lang] = _(message).format(**filled)
    return texts
