"""How long `gitops affected` takes on a large repository: 1,000 stacks, 20,000 files.

    python bench/affected.py [--stacks 1000] [--files 20000] [--runs 5]

Generates the repository in a temporary folder, commits one change of each kind on top of it, and times the command
as a process, with interpreter start, as a person or a job would wait for it. Prints figures, asserts nothing.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

STACKS_OF_A_PROJECT = 20
MODULES_OF_A_PROJECT = 200

COMMAND = "from gitops.cli import main; main()"


def module(project: str, number: int) -> str:
    """A component of ordinary size that imports two others of its project."""
    others = "".join(
        f"from infra.component_{other} import Component{other}\n"
        for other in (number // 2, number // 3)
        if 0 < other != number
    )
    body = "".join(
        f'        self.part_{part} = pulumi.CustomResource("aws:s3/bucket:Bucket", f"{{name}}-{part}", {{\n'
        f'            "tags": {{"project": "{project}", "part": "{part}"}},\n'
        f"        }}, pulumi.ResourceOptions(parent=self))\n"
        for part in range(10)
    )
    return (
        f'"""Component {number} of {project}."""\n\nfrom dataclasses import dataclass\n\nimport pulumi\n\n{others}\n\n'
        f"@dataclass(frozen=True, kw_only=True)\nclass Args{number}:\n"
        f'    """What the component needs."""\n\n    size: int\n    zone: str\n\n\n'
        f"class Component{number}(pulumi.ComponentResource):\n"
        f'    """Some resources."""\n\n    def __init__(self, name: str, args: Args{number}) -> None:\n'
        f'        super().__init__("{project}:infra:Component{number}", name)\n{body}'
    )


def files(stacks: int, count: int) -> Iterator[tuple[str, str]]:
    """Path and content of each file."""
    projects = max(1, stacks // STACKS_OF_A_PROJECT)
    others = max(0, count // projects - MODULES_OF_A_PROJECT - 2 * STACKS_OF_A_PROJECT - 5)
    yield "gitops.yaml", "version: 1\n"
    for index in range(projects):
        project = f"project-{index:03}"
        folder = f"projects/{project}"
        yield f"{folder}/Pulumi.yaml", f"name: {project}\nruntime: python\n"
        yield f"{folder}/requirements.txt", "pulumi==3.259.0\n"
        yield (
            f"{folder}/__main__.py",
            (
                "import importlib\n\nimport pulumi\n\nstack = pulumi.get_stack()\n"
                'importlib.import_module(f"stacks.{stack}").build()\n'
            ),
        )
        upstream = (
            'NETWORK = pulumi.StackReference(f"organization/project-000/{pulumi.get_stack()}")\n' if index else ""
        )
        yield f"{folder}/infra/__init__.py", f"import pulumi\n\n{upstream}"
        yield f"{folder}/stacks/__init__.py", ""
        for stack in range(STACKS_OF_A_PROJECT):
            used = [1 + (stack * 10 + step) % MODULES_OF_A_PROJECT for step in range(10)]
            imports = "".join(f"from infra.component_{number} import Component{number}\n" for number in used)
            yield f"{folder}/stacks/s{stack:02}.py", f"{imports}\n\ndef build() -> None:\n    pass\n"
            yield f"{folder}/Pulumi.s{stack:02}.yaml", f"config:\n  {project}:size: {stack}\n"
        for number in range(1, MODULES_OF_A_PROJECT + 1):
            yield f"{folder}/infra/component_{number}.py", module(project, number)
        for number in range(others):
            yield f"{folder}/docs/page-{number}.md", f"# Page {number}\n"


def changes(folder: str) -> Mapping[str, Mapping[str, str]]:
    """One change of each kind, by name: path → new content."""
    return {
        "one stack's values": {f"{folder}/Pulumi.s03.yaml": "config: {}\n"},
        "a module of one stack": {f"{folder}/stacks/s03.py": "def build() -> None:\n    '''Nothing.'''\n"},
        "a shared component": {f"{folder}/infra/component_7.py": "Component7 = None\n"},
        "a module nobody imports": {f"{folder}/scripts/report.py": "print('report')\n"},
        "a network all read from": {"projects/project-000/infra/component_7.py": "Component7 = None\n"},
        "documentation": {f"{folder}/docs/page-1.md": "# Another page\n"},
        "the pipeline's settings": {"gitops.yaml": "version: 1\n# changed\n"},
    }


def fast_import(branch: str, content: Iterator[tuple[str, str]], parent: str = "") -> str:
    """One commit in the language of `git fast-import`."""
    head = f"commit refs/heads/{branch}\ncommitter bench <bench@example.com> 1700000000 +0000\ndata 6\nbench\n"
    head += f"from refs/heads/{parent}\n" if parent else ""
    return head + "".join(f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n" for path, text in content)


def generate(folder: Path, stacks: int, count: int) -> Mapping[str, str]:
    """Make the repository; returns the branch of each change."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", folder], check=True)
    stream = [fast_import("main", files(stacks, count))]
    last = max(1, stacks // STACKS_OF_A_PROJECT) - 1
    branches = {}
    for number, (name, content) in enumerate(changes(f"projects/project-{last:03}").items()):
        branches[name] = f"change-{number}"
        stream.append(fast_import(branches[name], iter(content.items()), "main"))
    subprocess.run(["git", "fast-import", "--quiet"], cwd=folder, input="".join(stream).encode(), check=True)
    return branches


def run(folder: Path, branch: str) -> tuple[float, int, int]:
    """Seconds, peak memory in MiB and number of affected stacks of one run."""
    root = Path(__file__).parent.parent
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "affected", "--base", "main", "--head", branch, "--json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    output = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        sys.exit(f"gitops affected failed on {branch}")
    return seconds, usage.ru_maxrss // 1024, len(json.loads(output)["affected"])


def main() -> None:
    """Generate, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stacks", type=int, default=1000)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gitops-bench-") as name:
        folder = Path(name)
        branches = generate(folder, options.stacks, options.files)
        listing = subprocess.run(["git", "ls-tree", "-r", "main"], cwd=folder, check=True, capture_output=True).stdout
        count = len(listing.splitlines())
        sys.stdout.write(f"{options.stacks:,} stacks, {count:,} files, {os.cpu_count()} cores" + "\n")
        sys.stdout.write(f"{'change':28}{'affected':>9}{'median s':>10}{'best s':>9}{'MiB':>6}" + "\n")
        for change, branch in branches.items():
            runs = [run(folder, branch) for _ in range(options.runs)]
            seconds = [one[0] for one in runs]
            memory = max(one[1] for one in runs)
            sys.stdout.write(
                f"{change:28}{runs[0][2]:>9,}{statistics.median(seconds):>10.2f}{min(seconds):>9.2f}{memory:>6}" + "\n"
            )


if __name__ == "__main__":
    main()
