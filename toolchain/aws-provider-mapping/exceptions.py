"""What neither names nor shapes tell: the places where pulumi_aws was mapped by hand."""

from typing import Any

# Modules of pulumi_aws that hold what the trimmed provider serves.
MODULES = (
    "ec2 ebs vpc ec2transitgateway iam eks ecr s3 s3control s3outposts kms cloudtrail cloudwatch sns sqs rds route53 "
    "secretsmanager ssm autoscaling dynamodb lb alb budgets acm organizations"
)

# Classic load balancers are in the provider only because autoscaling imports them.
LEFT_OUT = {"aws_proxy_protocol_policy"}

RESOURCE_TOKENS = {
    "aws_lb": "aws:lb/loadBalancer:LoadBalancer",
    "aws_alb": "aws:alb/loadBalancer:LoadBalancer",
    "aws_db_instance": "aws:rds/instance:Instance",
    "aws_eip": "aws:ec2/eip:Eip",
    "aws_s3_bucket": "aws:s3/bucket:Bucket",
}
FUNCTION_TOKENS = {
    "aws_caller_identity": "aws:index/getCallerIdentity:getCallerIdentity",
    "aws_lb": "aws:lb/getLoadBalancer:getLoadBalancer",
    "aws_alb": "aws:alb/getLoadBalancer:getLoadBalancer",
}

# (Terraform type, path of the property) -> Pulumi's name
PROPERTY_NAMES = {
    ("aws_cloudwatch_log_subscription_filter", "log_group_name"): "logGroup",
    ("aws_sns_topic_subscription", "topic_arn"): "topic",
    ("aws_dynamodb_table", "global_secondary_index"): "globalSecondaryIndexes",
    ("aws_dynamodb_table", "local_secondary_index"): "localSecondaryIndexes",
    ("aws_s3_bucket_website_configuration", "routing_rule"): "routingRuleDetails",
}


def made_up(length: int, **more: Any) -> dict[str, Any]:
    """How a name is made up when none is given."""
    return {"max": length, "sep": "-", **more}


# Limits of AWS on names that differ from the usual 255 characters.
MADE_UP_NAMES = {
    ("aws_s3_bucket", "bucket"): made_up(63, lower=True),
    ("aws_ecr_repository", "name"): made_up(256, lower=True),
    ("aws_iam_role", "name"): made_up(64),
    ("aws_iam_user", "name"): made_up(64),
    ("aws_iam_instance_profile", "name"): made_up(128),
    ("aws_lb", "name"): made_up(32),
    ("aws_alb", "name"): made_up(32),
    ("aws_lb_target_group", "name"): made_up(32),
    ("aws_alb_target_group", "name"): made_up(32),
    ("aws_eks_node_group", "node_group_name"): made_up(255),
    ("aws_sqs_queue", "name"): made_up(80),
    ("aws_kms_alias", "name"): made_up(256, prefix="alias/"),
    ("aws_db_instance", "identifier"): made_up(255, lower=True),
    ("aws_db_subnet_group", "name"): made_up(255, lower=True),
    ("aws_db_parameter_group", "name"): made_up(255, lower=True),
    ("aws_db_option_group", "name"): made_up(255, lower=True),
    ("aws_rds_cluster", "cluster_identifier"): made_up(255, lower=True),
    ("aws_rds_cluster_parameter_group", "name"): made_up(255, lower=True),
}

# Configuration of the provider that has a default in the environment.
CONFIG_ENVIRONMENT = {"region": ["AWS_REGION", "AWS_DEFAULT_REGION"], "profile": ["AWS_PROFILE"]}
