"""AWS, apart from what Pulumi does there.

Roles, buckets and tags come in; their settings, or ids, go out. `settings.py` reads what the promise rests on;
`lookup.py` is a process of its own, which a recovery starts.
"""
