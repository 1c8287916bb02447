"""What a playbook may compute: Jinja that reads its own variables, and nothing of the machine Naryad runs on.

Ansible evaluates Jinja on the controller, in check mode too: `lookup('pipe', …)` is a shell, `is file`
looks at the controller's disk, `hostvars` holds the inventory's passwords. So what may stand in an
expression is listed; everything else is refused by its absence. Not listed is what tells a check from a
run (`ansible_check_mode`) or one moment from another: a preview must show what will happen. The result of
a task that edits a file holds the whole file as its difference, so only its outcome may be read.
"""

import re
from collections.abc import Iterator, Set

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.parser import Parser

_BRACES = re.compile(r"\{[{%#]|[}%#]\}")
_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.Dict,
    nodes.Pair, nodes.Keyword, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Test, nodes.Call,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.CondExpr, nodes.Add, nodes.Sub,
    nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos, nodes.If, nodes.For,
)  # fmt: skip
_NAMES = frozenset({
    "inventory_hostname", "inventory_hostname_short", "group_names", "ansible_facts",
    "ansible_failed_task", "ansible_failed_result", "ansible_loop", "ansible_managed", "omit", "item", "loop", "range",
    "true", "false", "none", "True", "False", "None",
})  # fmt: skip
_FILTERS = frozenset({
    "abs", "basename", "bool", "capitalize", "combine", "count", "d", "default", "dict2items", "difference", "dirname",
    "first", "flatten", "float", "from_json", "from_yaml", "human_readable", "human_to_bytes", "indent", "int",
    "intersect", "items2dict", "join", "last", "length", "list", "lower", "mandatory", "map", "max", "min", "quote",
    "regex_escape", "regex_findall", "regex_replace", "regex_search", "reject", "rejectattr", "replace", "round",
    "select", "selectattr", "sort", "split", "splitext", "string", "sum", "ternary", "title", "to_json",
    "to_nice_json", "to_nice_yaml", "to_yaml", "trim", "union", "unique", "upper", "zip",
})  # fmt: skip
_TESTS = frozenset({
    "boolean", "changed", "contains", "defined", "divisibleby", "eq", "equalto", "even", "failed", "false", "falsy",
    "float", "ge", "gt", "in", "integer", "iterable", "le", "lt", "mapping", "match", "ne", "none", "number", "odd",
    "regex", "search", "sequence", "skipped", "string", "subset", "succeeded", "success", "superset", "true", "truthy",
    "undefined", "unreachable", "version", "==", "!=", ">", ">=", "<", "<=",
})  # fmt: skip
_METHODS = frozenset({
    "endswith", "get", "items", "join", "keys", "lower", "lstrip", "replace", "rstrip", "split", "splitlines",
    "startswith", "strip", "upper", "values",
})  # fmt: skip
_HIDDEN_FACTS = frozenset({"env", "local", "cmdline", "date_time"})
_OUTCOME = frozenset({"changed", "failed", "skipped", "msg", "dest", "path"})
_APPLIES_FILTER = frozenset({"map"})
_APPLIES_TEST = {"select": 0, "reject": 0, "selectattr": 1, "rejectattr": 1}


class Expressions:
    """Looks at templates and expressions of one playbook.

    Args:
        known: Variables that the playbook defines itself, or may read from the inventory.
        edits: Those of them that are results of tasks which edit files.
    """

    def __init__(self, known: Set[str], edits: Set[str] = frozenset()) -> None:
        self._known, self._edits = known | _NAMES, edits
        self._jinja = Environment(autoescape=False)  # noqa: S701  # only parsed, never rendered

    def in_template(self, text: str) -> Iterator[str]:
        """Problems of text with `{{ … }}` in it."""
        if text.lstrip().startswith("#jinja2:"):
            yield "changes Jinja's own rules"
        elif "{" in text:  # as every brace of Jinja
            try:
                yield from self._look(self._jinja.parse(text))
            except TemplateSyntaxError as error:
                yield f"is not valid Jinja: {error.message}"

    def in_expression(self, text: str) -> Iterator[str]:
        """Problems of a condition, which Ansible evaluates without braces."""
        if _BRACES.search(text):
            yield "must be written without braces"
            return
        try:
            parser = Parser(self._jinja, text, state="variable")
            expression = parser.parse_expression()
            if not parser.stream.eos:
                yield "is not one expression"
            yield from self._look(expression)
        except TemplateSyntaxError as error:
            yield f"is not a valid expression: {error.message}"

    def _look(self, root: nodes.Node) -> Iterator[str]:
        loops = {name.name for loop in root.find_all(nodes.For) for name in _targets(loop)}
        reads: list[nodes.Getattr | nodes.Getitem] = [*root.find_all(nodes.Getattr), *root.find_all(nodes.Getitem)]
        facts = {id(read.node) for read in reads if _names_a_fact(read)}
        outcomes = {id(read.node) for read in reads if _attribute(read) in _OUTCOME}
        outcomes |= {id(test.node) for test in root.find_all(nodes.Test)}
        called = {id(call.node) for call in root.find_all(nodes.Call) if _is_harmless(call)}
        pending = [root]
        while pending:
            node = pending.pop()
            pending.extend(node.iter_child_nodes())
            if not isinstance(node, _NODES):
                yield f"uses {type(node).__name__.lower()}, which is not allowed"
            elif isinstance(node, nodes.Name):
                if node.name not in self._known and node.name not in loops:
                    yield f"uses {node.name!r}, which is neither a variable of the playbook nor allowed"
                elif node.name in self._edits and id(node) not in outcomes:
                    yield f"may read of {node.name!r} only whether it changed or failed; the rest is a file's content"
                elif node.name == "ansible_facts" and id(node) not in facts:
                    yield "may read single facts only, such as ansible_facts.hostname, and not the environment"
            elif isinstance(node, nodes.Call) and id(node.node) not in called:
                yield "calls something that is not allowed"
            else:
                yield from _look_at(node)


def _look_at(node: nodes.Node) -> Iterator[str]:
    match node:
        case nodes.Getattr(attr=str(name)) | nodes.Getitem(arg=nodes.Const(value=str(name))) if name.startswith("_"):
            yield f"reads {name!r}, which is internal"
        case nodes.Filter(name=name) if name not in _FILTERS:
            yield f"uses the filter {name!r}, which is not allowed"
        case nodes.Test(name=name) if name not in _TESTS:
            yield f"uses the test {name!r}, which is not allowed"
        case nodes.Filter(name=name) if name in _APPLIES_FILTER:
            if not node.args and [keyword.key for keyword in node.kwargs if keyword.key in ("attribute", "default")]:
                return
            if _constant(node.args, 0) not in _FILTERS:
                yield f"applies a filter through {name!r} that is not allowed"
        case nodes.Filter(name=name) if name in _APPLIES_TEST:
            place = _APPLIES_TEST[name]
            if len(node.args) > place and _constant(node.args, place) not in _TESTS:
                yield f"applies a test through {name!r} that is not allowed"


def _constant(args: list[nodes.Expr], place: int) -> object:
    node = args[place] if len(args) > place else None
    return node.value if isinstance(node, nodes.Const) else None


def _targets(loop: nodes.For) -> Iterator[nodes.Name]:
    yield from [loop.target] if isinstance(loop.target, nodes.Name) else loop.target.find_all(nodes.Name)


def _attribute(node: nodes.Getattr | nodes.Getitem) -> object:
    return node.attr if isinstance(node, nodes.Getattr) else _constant([node.arg], 0)


def _names_a_fact(node: nodes.Getattr | nodes.Getitem) -> bool:
    name = _attribute(node)
    return isinstance(name, str) and name.removeprefix("ansible_") not in _HIDDEN_FACTS


def _is_harmless(call: nodes.Call) -> bool:
    match call.node:
        case nodes.Name(name="range"):
            return True
        case nodes.Getattr(attr=name):
            return name in _METHODS
    return False
