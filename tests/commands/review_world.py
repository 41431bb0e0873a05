"""A world whose gitops.yaml has review stacks, with the labels and rights that a code host keeps."""

from gitops.commands import review_down, review_up
from gitops.commands.review_down import Result, Row
from gitops.commands.review_site import Site, site_here
from gitops.context import Context
from gitops.flow.review_comment import MARKER
from tests.commands.world import World, wanting
from tests.fakes.labelling_host import LabellingHost

LABEL = "review stack"
BIGGER = {"Pulumi.dev.yaml": wanting(web=20)}
GITOPS = f"""version: 1
lease: {{duration: 3s}}
environments:
  - {{name: dev, branch: main, stacks: [dev]}}
  - {{name: prod, branch: prod, stacks: [prod]}}
review_stacks:
  like: dev
  label: {LABEL}
  expires: 24h
  most: 2
  config: {{"shop:prefix": "shop-{{number}}"}}
"""


class ReviewWorld(World):
    """Everything that `World` has, and review stacks."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.people = LabellingHost(self.remote, self.clock)
        self.push_to_main({"gitops.yaml": GITOPS})

    def context(self, name: str = "ada", **environment: str) -> Context:
        made = super().context(name, **environment)
        made.host = self.people  # type: ignore[assignment] # the rest of the port comes with the real hosts
        return made

    def labelled(self, files: dict[str, str | None], branch: str = "feature") -> int:
        """A pull request with these files and the label."""
        number = self.open(files, branch)
        self.people.labels[number] = (LABEL,)
        return number

    def raise_up(self, number: int) -> review_up.Result:
        """Its review stack, up."""
        return review_up.up(self.context(), number, 0)

    def site(self) -> Site:
        """Where review stacks are made."""
        found = site_here(self.context())
        assert found is not None
        return found

    def take_down(self, number: int) -> Result:
        """Its review stack, destroyed."""
        return review_down.down(self.site(), number, 0, {})

    def sweep(self, dry_run: bool = False) -> dict[str, str]:
        """Stack → how it ended."""
        return {one.stack.name: one.done.value for one in review_down.sweep(self.site(), dry_run)}

    def rows(self) -> tuple[Row, ...]:
        """The review stacks that stand."""
        return review_down.rows(self.site())

    def comment_on(self, number: int) -> str:
        """The one comment about its review stack; empty where there is none."""
        found = [body for body in self.people.comments(number) if body.startswith(MARKER)]
        assert len(found) <= 1
        return "".join(found)


def kinds_of(world: ReviewWorld, number: int) -> list[str]:
    """What the ledger tells of a pull request's stack."""
    return [one.kind.value for one in world.records if one.stack == f"shop/review-{number}"]
