"""What our evaluator takes over from cel-python: every result, and every step, stays as it is.

The gate's verdicts rest on this table. Where a new release of cel-python fails it, the release evaluates otherwise:
read what changed, and raise the bound in pyproject.toml only when the new result is right.
"""

import importlib.metadata
import tomllib
from pathlib import Path

import pytest
from celpy.evaluation import Evaluator
from packaging.requirements import Requirement

from gitops.flow.gate.cel import ExpressionFailed, Fields, Program, UnknownName, _Evaluator, unreadable, value_of

ROOT = Path(__file__).parents[3]
PLENTY = 100_000


def variables() -> dict[str, object]:
    """An object with fixed fields, a plain map, a list, and a value that nobody can read."""
    fixed = Fields("thing", {"count": value_of(2), "name": value_of("web"), "hidden": unreadable("it is hidden")})
    return {"thing": fixed, "map": value_of({"a": 1, "443": "x"}), "list": value_of([1, 2, 3])}


# Expression → whether it is true, and how many steps that takes.
ANSWERS = {
    "true": (True, 2),
    "thing.count == 2": (True, 6),
    "thing.count != 2": (False, 6),
    'thing.name == "web" && thing.count < 3': (True, 13),
    "thing.hidden == 1 || true": (True, 9),
    "thing.hidden == 1 && false": (False, 9),
    "true ? true : thing.cuont == 2": (True, 5),
    "thing.count == thing.name": (False, 6),
    "thing.count != thing.name": (True, 6),
    "1 == 1.0": (True, 6),
    "thing.count == 2.0": (True, 6),
    "thing.count != 2.0": (False, 6),
    "thing.count != 2.5": (True, 6),
    "2.0 != thing.count": (False, 6),
    "9007199254740993 == 9007199254740992.0": (False, 6),
    "1 == true": (False, 6),
    "2u == 2": (True, 6),
    "thing.count in list": (True, 5),
    '"a" in map': (True, 5),
    'map["443"] == "x"': (True, 8),
    "map.a == 1": (True, 6),
    "has(map.a)": (True, 3),
    "has(map.b)": (False, 3),
    "has(thing.name)": (True, 3),
    "list.all(i, i > 0)": (True, 17),
    "list.exists(i, i == 2)": (True, 12),
    "list.exists_one(i, i > 2)": (True, 17),
    "list.filter(i, i > 1).size() == 2": (True, 22),
    "list.map(i, i * 2) == [2, 4, 6]": (True, 27),
    "[].all(i, false)": (True, 2),
    "[].exists(i, true)": (False, 2),
    'map.all(k, k != "")': (True, 12),
    "list.all(a, list.all(b, a + b > 1))": (True, 80),
    'thing.name.startsWith("w")': (True, 6),
    'thing.name.endsWith("x")': (False, 6),
    'thing.name.contains("e")': (True, 6),
    'thing.name.matches("^w.b$")': (True, 6),
    "size(thing.name) == 3": (True, 7),
    'string(thing.count) == "2"': (True, 7),
    'int("3") == 3': (True, 7),
    "7 / 2 == 3": (True, 10),
    "-7 / 2 == -3": (True, 10),
    "-7 % 2 == -1": (True, 10),
    "1 + 2 * 3 == 7": (True, 14),
    "!(thing.count > 1)": (False, 9),
    '"a" + "b" == "ab"': (True, 10),
    "[1] + [2] == [1, 2]": (True, 18),
    '{"a": 1} == map': (False, 9),
    'timestamp("2026-01-01T00:00:00Z") < timestamp("2026-01-02T00:00:00Z")': (True, 8),
    'duration("60s") == duration("1m")': (True, 8),
    "type(thing.count) == int": (True, 6),
    "null == null": (True, 6),
    'b"a" == b"a"': (True, 6),
    "2u == 2u": (True, 6),
}

# Expression → the words that say why it has no answer.
NO_ANSWER = {
    "thing.cuont == 2": "thing has no field 'cuont'",
    "true || thing.cuont == 2": "thing has no field 'cuont'",
    "has(thing.cuont)": "thing has no field 'cuont'",
    "false && thing.cuont == 2": "thing has no field 'cuont'",
    "true || nobody": "there is no variable 'nobody'",
    "true || lower(thing.name) == ''": "there is no function 'lower'",
    "map.b == 1": "there is no key 'b'",
    "list[7] == 1": "no answer",
    "thing.hidden == 1": "it is hidden",
    "thing.hidden == 1 || false": "it is hidden",
    "thing.count + thing.name == 1": "does not go with int and string",
    "thing.count < thing.name": "does not go with int and string",
    "thing.name * 3 == ''": "does not go with string and int",
    "thing.count / 0 == 1": "no answer",
    "9223372036854775807 + 1 > 0": "no answer",
    "-9223372036854775808 - 1 < 0": "no answer",
    "thing == thing": "no answer",
    "thing.count": "comes to int",
    "thing.name": "comes to string",
    "null": "comes to null",
    "!thing.name": "no answer",
    "list.all(i, i)": "neither true nor false",
    "thing.count.all(i, true)": "int has no items",
    "list.map(i, j) == []": "there is no variable 'j'",
    "1 +": "not valid CEL",
}


@pytest.mark.parametrize(("text", "expected"), ANSWERS.items())
def test_an_expression_comes_to_what_it_came_to(text: str, expected: tuple[bool, int]) -> None:
    holds, steps = expected
    assert Program(text).evaluate(variables(), steps) is holds


@pytest.mark.parametrize(("text", "steps"), [(text, steps) for text, (_, steps) in ANSWERS.items()])
def test_one_step_fewer_is_not_enough(text: str, steps: int) -> None:
    with pytest.raises(ExpressionFailed, match=f"more than {steps - 1} steps"):
        Program(text).evaluate(variables(), steps - 1)


@pytest.mark.parametrize(("text", "why"), NO_ANSWER.items())
def test_what_had_no_answer_has_none(text: str, why: str) -> None:
    with pytest.raises(ExpressionFailed, match=why) as caught:
        Program(text).evaluate(variables(), PLENTY)
    assert isinstance(caught.value, UnknownName) is (why.startswith(("there is no v", "there is no f", "thing has no")))


def test_what_we_override_is_still_there() -> None:
    ours = {name for name, value in vars(_Evaluator).items() if callable(value) and not name.startswith("_")}
    aliases = {"addition", "multiplication", "relation"}
    assert {name for name in ours | aliases if not callable(getattr(Evaluator, name, None))} == set()


def test_the_release_is_within_the_one_minor_release_that_this_was_tried_with() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (wanted,) = [one for one in map(Requirement, project["dependencies"]) if one.name == "cel-python"]
    installed = importlib.metadata.version("cel-python")
    major, minor = installed.split(".")[:2]
    assert installed in wanted.specifier
    assert f"{major}.{int(minor) + 1}.0" not in wanted.specifier
