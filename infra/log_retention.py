"""How long CloudWatch keeps logs: only some numbers of days are possible."""

from infra.inputs import require

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
_DAYS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)


def require_retention(days: int, subject: str) -> None:
    """Raise `InputError` unless CloudWatch can keep logs for that many days; it has no "for ever" here, on purpose."""
    require(days in _DAYS, subject, "a number of days that CloudWatch Logs knows, such as 7, 30, 90 or 365", days)
