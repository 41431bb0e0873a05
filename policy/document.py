"""The tables of docs/policy.md, from the rules themselves: `python -m policy.document` writes them anew."""

from pathlib import Path

from policy import catalogue, levels
from policy.kubernetes.objects import IN_NAMESPACES, PODS
from policy.levels import Level, Levels
from policy.rule import Rule, StackRule

BEGIN = "<!-- generated: python -m policy.document -->"
END = "<!-- end of what is generated -->"
_ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = _ROOT / "docs" / "policy.md"
_GROUPS = {
    (*PODS, *(f"{one}Patch" for one in PODS)): "whatever makes pods",
    IN_NAMESPACES: "whatever lives in a namespace",
}


def generated(found: Levels) -> str:
    """What stands between the two marks: frameworks, and a row for each rule."""
    controls = {control.framework: control for rule in catalogue.ALL for control in rule.controls}
    lines = ["| framework | version | rules |", "|---|---|---|"]
    for name in sorted(controls):
        count = sum(any(control.framework == name for control in rule.controls) for rule in catalogue.ALL)
        lines.append(f"| {name} | {controls[name].version} | {count} |")
    for heading, prefix in (("AWS", "aws:"), ("Kubernetes", "kubernetes:")):
        lines += [
            "",
            f"### {heading}",
            "",
            "| rule | severity | stops in | looks at | controls |",
            "|---|---|---|---|---|",
        ]
        lines += [_row(rule, found) for rule in catalogue.ALL if rule.types[0].startswith(prefix)]
    return "\n".join(lines)


def _row(rule: Rule | StackRule, found: Levels) -> str:
    stops = [name for name, one in found.environments.items() if one.of(rule.name, rule.severity) is Level.MANDATORY]
    what = f"`{rule.name}`<br>{rule.title}"
    ids = ", ".join(f"[{one.framework} {one.id}]({one.url})" for one in rule.controls)
    seen = _looked_at(rule) + (", and the stack around it" if isinstance(rule, StackRule) else "")
    return f"| {what} | {rule.severity.value} | {', '.join(stops) or 'none'} | {seen} | {ids} |"


def _looked_at(rule: Rule | StackRule) -> str:
    return _GROUPS.get(rule.types) or ", ".join(dict.fromkeys(_short(type_) for type_ in rule.types))


def _short(type_: str) -> str:
    package, module, name = type_.split(":")
    return f"{module.partition('/')[0]} {name}" if package == "aws" else name


def settings() -> Levels:
    """The levels that are shipped."""
    file = _ROOT / "policy" / "levels.yaml"
    return levels.read(file.read_text(encoding="utf-8"), "policy/levels.yaml", catalogue.NAMES)


def renewed(text: str) -> str:
    """The document with its generated part as it should be."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{generated(settings())}\n{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
