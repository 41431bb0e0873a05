"""CEL expressions on cel-python, held on a short leash: strict names, counted steps, no answer but true or false.

cel-python walks the parse tree, nine nodes deep for a plain name, copies all variables for each item of a list, and
builds typing objects as it goes. `_Evaluator` keeps its semantics and leaves these out.
Importing this module takes 0.2 s; only `gitops.flow.gate.expressions` does, when an expression is there.
"""

from collections.abc import Mapping
from typing import Any, cast

import celpy
from celpy import celtypes
from celpy.celparser import CELParseError
from celpy.evaluation import Activation, CELEvalError, CELSyntaxError, CELUnsupportedError, Evaluator, base_functions
from lark import Tree
from lark.exceptions import LarkError

LONGEST = 1_000_000
"""Characters of a text, or items of a list, that an expression may put together."""

# Grammar rules that stand for their only child when they have one.
_CHAIN = frozenset(
    {"expr", "conditionalor", "conditionaland", "relation", "addition", "multiplication", "unary", "member"}
)
# The operators' grammar rules, and cel-python's functions for them.
_OPERATORS = {
    "relation_lt": "_<_",
    "relation_le": "_<=_",
    "relation_ge": "_>=_",
    "relation_gt": "_>_",
    "relation_eq": "_==_",
    "relation_ne": "_!=_",
    "relation_in": "_in_",
    "addition_add": "_+_",
    "addition_sub": "_-_",
    "multiplication_mul": "_*_",
    "multiplication_div": "_/_",
    "multiplication_mod": "_%_",
}
_NUMERIC = frozenset({"_*_", "_/_", "_%_"})
# cel-python's own additions to CEL; the first can double a text with every step.
_NOT_CEL = frozenset({"reduce", "min"})
_QUANTIFIERS = frozenset({"all", "exists"})
_EQUALITIES = frozenset({"_==_", "_!=_"})


class ExpressionFailed(Exception):
    """Why an expression has no answer, as a sentence's part."""


class UnknownName(ExpressionFailed):
    """It names a variable, a field or a function that never exists, whatever the plan."""


class Fields(celtypes.MapType):
    """An object with a fixed set of fields, some of them computed on first use; asking for another is a mistake."""

    def __init__(self, what: str, fields: Mapping[str, Any]) -> None:
        super().__init__()
        self._what = what
        self.update(cast(Any, fields))

    def __getitem__(self, key: Any) -> Any:
        if key not in self:
            raise UnknownName(f"{self._what} has no field {str(key)!r}; it has {', '.join(sorted(map(str, self)))}")
        value = dict.__getitem__(self, key)
        if callable(value):
            value = value()
            self[key] = value
        return value

    def __eq__(self, other: object) -> bool:
        raise TypeError(f"{self._what} cannot be compared as a whole")

    __ne__ = __eq__
    __hash__ = None  # type: ignore[assignment]


def unreadable(why: str) -> Any:
    """A value that cannot be read: whatever asks for it has no answer, unless `||` or `&&` makes it needless."""
    return CELEvalError(why, ValueError, ())


def value_of(value: Any) -> Any:
    """A JSON value as CEL has it. Integers beyond 64 bits are text."""
    if isinstance(value, bool):
        return celtypes.BoolType(value)
    if isinstance(value, int):
        return celtypes.IntType(value) if -(2**63) <= value < 2**63 else celtypes.StringType(str(value))
    if isinstance(value, float):
        return celtypes.DoubleType(value)
    if isinstance(value, str):
        return celtypes.StringType(str(value))
    if isinstance(value, Mapping):
        return celtypes.MapType({celtypes.StringType(key): value_of(child) for key, child in value.items()})
    if isinstance(value, (list, tuple)):
        return celtypes.ListType(map(value_of, value))
    return value


class Program:
    """A compiled expression. Raises ExpressionFailed when the text is no CEL."""

    def __init__(self, text: str) -> None:
        try:
            self._tree = _shortened(celpy.Environment().compile(text))
        except CELParseError as error:
            place = f" at character {error.column}" if error.column else ""
            raise ExpressionFailed(f"it is not valid CEL{place}") from None
        except (LarkError, RecursionError) as error:
            raise ExpressionFailed(f"it cannot be read ({type(error).__name__})") from None

    def evaluate(self, variables: Mapping[str, Any], budget: int) -> bool:
        """Whether it is true. Raises ExpressionFailed, with UnknownName for a name that does not exist."""
        try:
            value = _Evaluator(self._tree, _Names(), variables, _Meter(budget)).evaluate()
        except CELEvalError as error:
            raise ExpressionFailed(_sentence(error)) from None
        except (CELSyntaxError, CELUnsupportedError) as error:
            raise ExpressionFailed(f"it is not valid CEL ({error})") from None
        except RecursionError:
            raise ExpressionFailed("it is nested too deeply") from None
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise ExpressionFailed(f"it cannot be evaluated ({type(error).__name__})") from None
        if not isinstance(value, celtypes.BoolType):
            raise ExpressionFailed(f"it comes to {_kind(value)}, not to true or false")
        return bool(value)


class _Meter:
    """Counts steps, of an evaluation with all its parts."""

    def __init__(self, budget: int) -> None:
        self.left = self.budget = budget

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise ExpressionFailed(f"it takes more than {self.budget:,} steps")


class _Names(Activation):
    """No variables; functions that are told apart from the missing."""

    def resolve_function(self, name: str) -> Any:
        if name not in base_functions:
            raise UnknownName(f"there is no function {name!r}")
        return base_functions[name]


class _Evaluator(Evaluator):
    """cel-python's evaluator with variables in a plain mapping and a meter."""

    def __init__(self, tree: Tree[Any], names: Activation, variables: Mapping[str, Any], meter: _Meter) -> None:
        super().__init__(tree, names)
        self._names, self._outer, self._variables, self._meter = names, variables, variables, meter
        self._literals: dict[int, Any] = {}

    def sub_evaluator(self, ast: Tree[Any]) -> Evaluator:
        return _Evaluator(ast, self._names, self._variables, self._meter)

    def set_activation(self, values: Mapping[str, Any]) -> Evaluator:
        self._variables = {**self._outer, **values}
        return self

    def ident_value(self, name: str, root_scope: bool = False) -> Any:  # noqa: ARG002 - there is one scope
        if name not in self._variables:
            if name in base_functions:
                return base_functions[name]
            raise UnknownName(f"there is no variable {name!r}; there are {', '.join(sorted(self._outer))}")
        return self._variables[name]

    def visit(self, tree: Tree[Any]) -> Any:
        self._meter.spend()
        return getattr(self, tree.data)(tree)

    def visit_children(self, tree: Tree[Any]) -> list[Any]:
        return [self.visit(child) if isinstance(child, Tree) else child for child in tree.children]

    def conditionalor(self, tree: Tree[Any]) -> Any:
        left, right = self.visit_children(tree)
        return _operation("_||_", left, right)

    def conditionaland(self, tree: Tree[Any]) -> Any:
        left, right = self.visit_children(tree)
        return _operation("_&&_", left, right)

    def relation(self, tree: Tree[Any]) -> Any:
        # The grammar hangs the left side below the operator: ((left) ==) right.
        (left,), right = self.visit_children(tree)
        operator = tree.children[0]
        return _operation(_OPERATORS[operator.data if isinstance(operator, Tree) else ""], left, right)

    addition = multiplication = relation

    def member_dot(self, tree: Tree[Any]) -> Any:
        whole, name = tree.children
        value = self.visit(whole) if isinstance(whole, Tree) else whole
        if isinstance(value, CELEvalError):
            return value
        if not isinstance(value, celtypes.MapType):
            return CELEvalError(f"{_kind(value)} has no field {str(name)!r}", TypeError, ())
        if not isinstance(value, Fields) and name not in value:
            return CELEvalError(f"there is no key {str(name)!r}", KeyError, ())
        return value[str(name)]

    def primary(self, tree: Tree[Any]) -> Any:
        [child] = tree.children
        if isinstance(child, Tree) and child.data == "ident":
            return self.ident_value(str(child.children[0]))
        return super().primary(tree)

    def member_dot_arg(self, tree: Tree[Any]) -> Any:
        name = str(tree.children[1])
        if name in _NOT_CEL:
            raise UnknownName(f"there is no function {name!r}")
        if name not in _QUANTIFIERS:
            return super().member_dot_arg(tree)
        return self._quantified(tree, ends_on=name == "exists")

    def _quantified(self, tree: Tree[Any], *, ends_on: bool) -> Any:
        """`all` and `exists`: the first item that decides ends it; an error counts only where none decides."""
        whole = tree.children[0]
        items = self.visit(whole) if isinstance(whole, Tree) else whole
        if isinstance(items, CELEvalError):
            return items
        if not isinstance(items, (celtypes.ListType, celtypes.MapType)):
            return CELEvalError(f"{_kind(items)} has no items", TypeError, ())
        ask, error = self.build_ss_macro_eval(tree), None
        for item in items:
            answer = ask(item)
            if isinstance(answer, celtypes.BoolType):
                if bool(answer) is ends_on:
                    return answer
            else:
                wrong = CELEvalError(f"{_kind(answer)} is neither true nor false", TypeError, ())
                error = error or (answer if isinstance(answer, CELEvalError) else wrong)
        return error or celtypes.BoolType(not ends_on)

    def exprlist(self, tree: Tree[Any]) -> Any:
        found = self.visit_children(tree)
        return next((value for value in found if isinstance(value, CELEvalError)), None) or celtypes.ListType(found)

    def mapinits(self, tree: Tree[Any]) -> Any:
        found = self.visit_children(tree)
        wrong = next((value for value in found if isinstance(value, CELEvalError)), None)
        return wrong or celtypes.MapType(list(zip(found[::2], found[1::2], strict=True)))

    def literal(self, tree: Tree[Any]) -> Any:
        if id(tree) not in self._literals:
            self._literals[id(tree)] = super().literal(tree)
        return self._literals[id(tree)]


def _operation(name: str, left: Any, right: Any) -> Any:
    if isinstance(left, CELEvalError) and isinstance(right, CELEvalError):
        return left
    if name in _NUMERIC and any(isinstance(value, (str, bytes, list)) for value in (left, right)):
        # Python would repeat a text or format it, to any length.
        return CELEvalError(f"{name} does not go with {_kind(left)} and {_kind(right)}", TypeError, ())
    try:
        result = base_functions[name](left, right)
    except (TypeError, ValueError, ArithmeticError) as error:
        # Numbers of two types are equal by their value, and values of two kinds are not equal (the CEL specification
        # since 2021); cel-python takes both for a mistake.
        if name in _EQUALITIES and not any(isinstance(value, (Fields, CELEvalError)) for value in (left, right)):
            return celtypes.BoolType(_are_equal_numbers(left, right) is (name == "_==_"))
        return CELEvalError(f"{name} does not go with {_kind(left)} and {_kind(right)}", type(error), error.args)
    if isinstance(result, (str, bytes, list)) and len(result) > LONGEST:
        raise ExpressionFailed(f"it makes a {_kind(result)} longer than {LONGEST:,}")
    return result


def _are_equal_numbers(left: Any, right: Any) -> bool:
    numbers = [
        float(value) if isinstance(value, celtypes.DoubleType) else int(value)
        for value in (left, right)
        if isinstance(value, (celtypes.IntType, celtypes.UintType, celtypes.DoubleType))
    ]
    return len(numbers) == 2 and numbers[0] == numbers[1]


def _shortened(tree: Tree[Any]) -> Tree[Any]:
    """The tree without nodes that stand for their only child."""
    while tree.data in _CHAIN and len(tree.children) == 1 and isinstance(tree.children[0], Tree):
        tree = tree.children[0]
    children = [_shortened(child) if isinstance(child, Tree) else child for child in tree.children]
    return Tree(tree.data, children, tree.meta)


def _sentence(error: CELEvalError) -> str:
    """cel-python's own words, first line; they can hold a whole list, so no more than a line's worth."""
    words = str(error.args[0] if error.args else error).splitlines()
    return f"it has no answer: {words[0][:200] if words else 'an error'}"


def _kind(value: Any) -> str:
    return {"NoneType": "null", "str": "string"}.get(
        type(value).__name__, type(value).__name__.removesuffix("Type").lower()
    )
