"""A world in which the pipeline opens pull requests, and takes releases through dev and prod."""

from dataclasses import dataclass, field

from gitops.adapters.local_host import LocalHost
from gitops.adapters.local_issues import LocalIssues
from gitops.commands import preview as previewing
from gitops.commands import up as upping
from gitops.context import Context
from tests.commands.world import World, wanting
from tests.support import git


@dataclass
class Opened:
    """A pull request's title and text, as they were written last, and how often."""

    title: str
    body: str
    times: int = 1


@dataclass
class ProposingHost:
    """The simulated code host, where the pipeline opens pull requests as well."""

    host: LocalHost
    opened: dict[int, Opened] = field(default_factory=dict)

    def propose(self, branch: str, base: str, title: str, body: str) -> int:
        for entry in self.host.entries():
            if (entry.branch, entry.base, entry.merged_as) == (branch, base, None):
                known = self.opened[entry.number]
                self.opened[entry.number] = Opened(title, body, known.times + 1)
                return entry.number
        number = self.host.open(branch, base, title=title, author="gitops")
        self.opened[number] = Opened(title, body)
        return number

    def __getattr__(self, name: str) -> object:
        return getattr(self.host, name)


@dataclass
class Started:
    """Remembers the workflows that were started."""

    runs: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def start(self, workflow: str, branch: str, inputs: dict[str, str]) -> None:
        self.runs.append((workflow, branch, inputs))


@dataclass
class Carrying(World):
    """A world with what `promote`, `rollback` and `drift` need of the code host."""

    started: Started = field(default_factory=Started)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.engine.states.setdefault("prod", {"web": 120})
        self.proposing = ProposingHost(self.host)
        self.issues = LocalIssues(self.remote)

    def context(self, name: str = "ada", **environment: str) -> Context:
        made = super().context(name, **environment)
        made.host = self.proposing  # type: ignore[assignment]
        made.runs = self.started  # type: ignore[assignment]
        return made

    def released_in_dev(self, branch: str, **sizes: int) -> str:
        """A reviewed change of dev's and prod's sizes, applied to dev; the commit."""
        prod = {name: size * 10 for name, size in sizes.items()}
        files = {"Pulumi.dev.yaml": wanting(**sizes), "Pulumi.prod.yaml": wanting(**prod)}
        self.clock.advance(1)
        commit = self.reviewed(files, "bob", branch=branch)
        self.up()
        git.git(self.clone, "checkout", "--quiet", "--detach", self.main())
        return commit

    def carried(self, number: int, *approvers: str) -> str:
        """A pull request into prod, previewed, approved, merged and applied; the commit it became."""
        git.git(self.clone, "fetch", "--quiet", "origin")
        self.clock.advance(1)
        head = self.host.pull_request(number).head
        previewing.preview(self.context(), previewing.Request("origin/prod", head, "prod", pull_request=number))
        self.clock.advance(1)
        for name in approvers or ("bob",):
            self.host.approve(number, name)
        commit = self.host.merge(number)
        git.git(self.clone, "fetch", "--quiet", "origin")
        upping.up(self.context(), upping.Request("prod"))
        return commit
