"""A world in which the pipeline opens pull requests, and takes releases through dev and prod."""

from dataclasses import dataclass, field

from gitops.adapters.codehost.simulated.issues import LocalIssues
from gitops.context import Context
from gitops.operations.apply import run as upping
from gitops.operations.review import preview as previewing
from tests.operations.world import World, wanting
from tests.support import git


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
        self.issues = LocalIssues(self.remote)

    def context(self, name: str = "ada", **environment: str) -> Context:
        made = super().context(name, **environment)
        made.runs = self.started  # type: ignore[assignment]
        return made

    def opened_as(self, number: int | None) -> tuple[str, str]:
        """Title and text of a pull request."""
        return next((one.title, one.body) for one in self.host.entries() if one.number == number)

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
