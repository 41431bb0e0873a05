"""The gate in gitops.yaml: what is read, and how each mistake is told."""

import re
import subprocess
import sys
from datetime import time

import pytest

from gitops.config.durations import duration, seconds
from gitops.config.gate import Approvals, Expression, FreeRule, Gate, Owners, Protect, Window
from gitops.config.settings import parse
from gitops.errors import ConfigError
from gitops.model import Outcome, PolicyLevel
from gitops.operations.judging import must_be_readable

GOOD = """version: 1
ledger: {signers: .github/ledger-signers}
environments:
  - {name: dev, branch: main, stacks: [dev]}
  - name: prod
    branch: prod
    stacks: [prod]
    approvals:
      count: 2
      owners: {"infra/**": [grace, "@org/platform"], "policy/**": [sec]}
      expire: 14d
    gate:
      policy: advisory
      not_evaluated: wait
      destroys: 0
      replaces: 3
      protect: {types: ["aws:rds/*"], urns: ["*::database"]}
      known: ["aws:iam/*"]
      windows:
        - {days: mon-thu, from: "09:00", to: "16:00", zone: Europe/Berlin}
        - {days: [fri, sun-mon], from: "22:00", to: "24:00", zone: UTC}
      soak: 24h
      plan_age: 7d
      rules:
        - name: no lambda
          unless: '!plan.changes.exists(c, c.type.startsWith("aws:lambda/"))'
          then: wait
          because: they are not supported yet
      auto_approve: plan.deletes == 0
    break_glass: {by: [grace, linus]}
"""


def test_a_whole_gate_is_read() -> None:
    config = parse(GOOD.encode())
    prod = config.environment("prod")
    assert config.ledger_signers == ".github/ledger-signers"
    assert prod.approvals == Approvals(
        2, (Owners("infra/**", ("grace", "@org/platform")), Owners("policy/**", ("sec",))), 14 * 86400
    )
    assert prod.gate == Gate(
        policy=PolicyLevel.ADVISORY,
        not_evaluated=Outcome.WAIT,
        destroys=0,
        replaces=3,
        protect=Protect(("aws:rds/*",), ("*::database",)),
        known=("aws:iam/*",),
        windows=(
            Window((0, 1, 2, 3), time(9), time(16), "Europe/Berlin"),
            Window((0, 4, 6), time(22), None, "UTC"),
        ),
        soak=86400,
        plan_age=7 * 86400,
        rules=(
            FreeRule(
                "no lambda",
                Expression('!plan.changes.exists(c, c.type.startsWith("aws:lambda/"))'),
                Outcome.WAIT,
                "they are not supported yet",
            ),
        ),
        auto_approve=Expression("plan.deletes == 0"),
    )
    assert prod.break_glass == ("grace", "linus")
    assert [(one.key, one.line) for one in prod.expressions] == [
        ("environments[1].gate.rules[0].unless", 26),
        ("environments[1].gate.auto_approve", 29),
    ]


def test_what_is_left_out_is_not_asked_for() -> None:
    dev = parse(GOOD.encode()).environment("dev")
    assert (dev.approvals, dev.gate, dev.break_glass) == (Approvals(1), Gate(), ())


def test_the_environment_before_is_the_one_above() -> None:
    config = parse(GOOD.encode())
    dev, prod = config.environments
    assert (config.before(dev), config.before(prod)) == (None, dev)


MISTAKES = {
    "a budget below nothing": (
        "destroys: 0",
        "destroys: -1",
        r"15: environments\[1\].gate.destroys: cannot be negative",
    ),
    "a budget as text": ("replaces: 3", "replaces: few", r"16: environments\[1\].gate.replaces: Expected int.*"),
    "an unknown level": ("policy: advisory", "policy: strict", r"13: environments\[1\].gate.policy: .*strict.*"),
    "an unknown outcome": ("not_evaluated: wait", "not_evaluated: pass", r"14: .*not_evaluated: .*pass.*"),
    "an unknown rule": ("known:", "knwon:", r"18: environments\[1\].gate.knwon: unknown key 'knwon'"),
    "no duration": ("soak: 24h", "soak: a day", r"22: environments\[1\].gate.soak: 'a day' is not a duration.*"),
    "no plan age": ("plan_age: 7d", "plan_age: 1w", r"23: environments\[1\].gate.plan_age: '1w' is not a duration.*"),
    "no expiry": ("expire: 14d", "expire: soon", r"11: environments\[1\].approvals.expire: 'soon' is not a duration.*"),
    "an unknown day": ("days: mon-thu", "days: mon-tur", r"20: environments\[1\].gate.windows\[0\].days: 'mon-tur' .*"),
    "no days": ("days: [fri, sun-mon]", "days: []", r"21: environments\[1\].gate.windows\[1\].days: .*"),
    "an unknown zone": ("Europe/Berlin", "Europe/Bärlin", r"20: .*zone: there is no time zone 'Europe/Bärlin'.*"),
    "a zone that is a path": ("Europe/Berlin", "../etc/passwd", r"20: .*zone: there is no time zone.*"),
    "a time without quotes": ('to: "16:00"', "to: 16:00", r"20: .*windows\[0\].to: put the time in quotes.*"),
    "an impossible time": ('from: "09:00"', 'from: "9:60"', r"20: .*windows\[0\].from: '9:60' is not a time.*"),
    "an empty window": ('to: "16:00"', 'to: "09:00"', r"20: .*windows\[0\].to: a window that closes when it opens.*"),
    "midnight as a start": ('from: "22:00"', 'from: "24:00"', r"21: .*windows\[1\].from: '24:00' is not a time.*"),
    "a window without a zone": (", zone: UTC", "", r"21: .*windows\[1\]: the key 'zone' is missing"),
    "no owner": ('"policy/**": [sec]', '"policy/**": []', r"10: .*owners.policy/\*\*: name at least one owner.*"),
    "half a team": ('"@org/platform"', '"@platform"', r"10: .*owners.infra/\*\*: '@platform' is neither.*"),
    "an empty rule": ("auto_approve: plan.deletes == 0", "auto_approve: ''", r"29: .*auto_approve: is empty.*"),
    "a rule without a name": ("name: no lambda", "name: ' '", r"25: .*rules\[0\].name: give the rule a name.*"),
    "a rule that allows": ("then: wait", "then: allow", r"27: .*rules\[0\].then: .*allow.*"),
    "a soak in the first environment": (
        "stacks: [dev]}",
        "stacks: [dev], gate: {soak: 1h}}",
        r"4: environments\[0\].gate.soak: the first environment has none before it.*",
    ),
    "an unknown key of the ledger": ("signers: ", "singers: ", r"2: ledger.singers: unknown key 'singers'"),
    "an unknown key of break_glass": ("{by: [grace", "{who: [grace", r"30: .*break_glass.who: unknown key 'who'"),
    "negative approvals": ("count: 2", "count: -2", r"9: environments\[1\].approvals.count: cannot be negative"),
}


@pytest.mark.parametrize(("before", "after", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_file_line_and_key(before: str, after: str, message: str) -> None:
    assert before in GOOD
    with pytest.raises(ConfigError) as caught:
        parse(GOOD.replace(before, after, 1).encode())
    assert re.match(f"gitops.yaml:{message}", caught.value.message), caught.value.message


def test_two_rules_of_one_name_are_told() -> None:
    again = GOOD.replace("      auto_approve:", "        - {name: no lambda, unless: 'true'}\n      auto_approve:")
    with pytest.raises(ConfigError, match=r"gitops.yaml:29: .*rules\[1\].name: 'no lambda' names another rule already"):
        parse(again.encode())


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("plan.deletes == 0", "plan.deletes ==", r"gitops.yaml:29: .*auto_approve: it is not valid CEL"),
        ("plan.changes.exists", "plan.change.exists", r"gitops.yaml:26: .*unless: plan has no field 'change'"),
        ("c.type", "c.typ", r"gitops.yaml:26: .*unless: a change has no field 'typ'"),
    ],
)
def test_a_mistake_in_an_expression_is_told_where_it_matters(before: str, after: str, message: str) -> None:
    config = parse(GOOD.replace(before, after, 1).encode())
    with pytest.raises(ConfigError, match=message):
        must_be_readable(config.environments)


def test_reading_gitops_yaml_does_not_wait_for_cel() -> None:
    asked = (
        f"import sys; from gitops.config.settings import parse; parse({GOOD.encode()!r}); print('celpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("text", ["0s", "1s", "90m", "36h", "7d", "61s"])
def test_a_duration_is_told_as_it_is_written(text: str) -> None:
    length = seconds(text)
    assert length is not None
    assert duration(length) == text
