"""Where moto 5.2.5 answers otherwise than AWS in a way that shows up as drift or breaks an apply."""

from typing import Any

import moto.eks.models
from moto.autoscaling.models import FakeScalingPolicy
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateBackend
from moto.rds.models import DBParameterGroup


def apply() -> None:
    """Put the corrections in place; once per process, before the server starts."""
    # moto gives each EKS node group an SSH key that nobody asked for.
    moto.eks.models.DEFAULT_REMOTE_ACCESS = None
    _keep_launch_template_tags_apart()
    _name_the_source_of_parameters()
    _leave_out_empty_predictive_scaling()


def _keep_launch_template_tags_apart() -> None:
    """moto adds the template's own tags to those of the instances it launches."""
    create = LaunchTemplateBackend.create_launch_template

    def create_launch_template(
        self: Any, name: str, description: str, template_data: dict[str, Any], tag_spec: Any
    ) -> Any:
        if "TagSpecifications" in template_data:
            launched = [
                tags for tags in template_data["TagSpecifications"] if tags.get("ResourceType") != "launch-template"
            ]
            template_data = {key: value for key, value in template_data.items() if key != "TagSpecifications"}
            if launched:
                template_data["TagSpecifications"] = launched
        return create(self, name, description, template_data, tag_spec)

    LaunchTemplateBackend.create_launch_template = create_launch_template
    # moto answers with the tags of the creation, whatever was done to them since.
    LaunchTemplate.tags = property(lambda self: self.get_tags(), lambda _self, _given: None)


def _name_the_source_of_parameters() -> None:
    """moto leaves out where a database parameter comes from, so the provider takes it for a default."""
    update = DBParameterGroup.update_parameters

    def update_parameters(self: Any, new: list[dict[str, Any]]) -> None:
        update(self, [{"Source": "user", **parameter} for parameter in new])

    DBParameterGroup.update_parameters = update_parameters


def _leave_out_empty_predictive_scaling() -> None:
    """moto answers with an empty predictive configuration, and without saying whether the policy is enabled."""
    initialise = FakeScalingPolicy.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it replaces that very method
        initialise(self, *args, **kwargs)
        self.enabled = True
        self.predictive_scaling_configuration = self.predictive_scaling_configuration or None

    FakeScalingPolicy.__init__ = __init__
