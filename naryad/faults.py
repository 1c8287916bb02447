"""What Pydantic finds wrong, in our words and in the reader's language; never what stood there, which may be secret."""

from collections.abc import Mapping
from typing import Any

from naryad.i18n import N_, _

_TEXT, _NUMBER, _WHOLE = N_("a text is expected"), N_("a number is expected"), N_("a whole number is expected")
_LIST, _OBJECT, _YES_OR_NO = N_("a list is expected"), N_("an object is expected"), N_("true or false is expected")
_MOMENT, _DAY = N_("a date and time is expected, such as 2026-11-21T09:00:00Z"), N_("a date is expected: 2026-11-21")
_CHOICE, _FORM = N_("one of these is expected: {expected}"), N_("this does not have the form that is expected here")
_WORDS = {
    "missing": N_("this is missing"),
    "extra_forbidden": N_("this is not known here"),
    "json_invalid": N_("this is not valid JSON"),
    "string_type": _TEXT,
    "string_unicode": _TEXT,
    "string_too_short": N_("at least {min_length} characters are expected"),
    "string_too_long": N_("at most {max_length} characters are expected"),
    "string_pattern_mismatch": _FORM,
    "too_short": N_("at least {min_length} are expected"),
    "too_long": N_("at most {max_length} are expected"),
    "enum": _CHOICE,
    "literal_error": _CHOICE,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "decimal_parsing": _NUMBER,
    "decimal_type": _NUMBER,
    "bool_type": _YES_OR_NO,
    "bool_parsing": _YES_OR_NO,
    "list_type": _LIST,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "greater_than": N_("more than {gt} is expected"),
    "greater_than_equal": N_("at least {ge} is expected"),
    "less_than": N_("less than {lt} is expected"),
    "less_than_equal": N_("at most {le} is expected"),
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "datetime_object_invalid": _MOMENT,
    "timezone_aware": N_("the time zone is missing: 2026-11-21T09:00:00Z"),
    "date_type": _DAY,
    "date_parsing": _DAY,
    "date_from_datetime_parsing": _DAY,
}


def explained(fault: Mapping[str, Any]) -> str:
    """One fault of a `ValidationError` in a few words.

    Args:
        fault: An item of its `errors()`, with its `ctx`.
    """
    kind, facts = str(fault["type"]), fault.get("ctx") or {}
    if kind == "value_error":  # ours: it was said in the reader's language already
        return str(facts.get("error", fault["msg"]))
    if kind in _WORDS:
        return _(_WORDS[kind]).format(**facts)
    return str(fault["msg"])
