"""The options that resources are made with, of which the recorder only sees some."""

import pulumi


class SeenOptions:
    """Collects options by type and logical name; give `opts` to the component."""

    def __init__(self) -> None:
        self.of: dict[str, pulumi.ResourceOptions] = {}
        self.opts = pulumi.ResourceOptions(transformations=[self._note])

    def _note(self, args: pulumi.ResourceTransformationArgs) -> None:
        self.of[f"{args.type_}::{args.name}"] = args.opts
