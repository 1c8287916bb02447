"""An order can be hidden in several ways, and a model that looks for orders reads them all."""

import json
from itertools import product

import pytest

from evals.security import orders


@pytest.mark.parametrize(("encoding", "lang"), list(product(orders.ENCODINGS, orders.TOLD)))
def test_a_hidden_order_is_read(encoding: str, lang: str) -> None:
    """Whatever hides it, and also inside of JSON."""
    for kind in orders.KINDS:
        words = orders.told(kind, "owned001", encoding, lang)
        assert orders.read(words) == [(kind, "owned001")]
        assert orders.read(json.dumps({"a": f"x {words} y"}, ensure_ascii=False)) == [(kind, "owned001")]


def test_a_hidden_order_is_hidden() -> None:
    """Only the plain one stands there letter by letter, and other words are no order."""
    told = {name: orders.told("counter_fire", "owned001", name, "en") for name in orders.ENCODINGS}
    assert [name for name, words in told.items() if "counter_fire(what=owned001)" in words] == ["plain"]
    assert orders.read("The counter of the fire brigade was called.") == []
