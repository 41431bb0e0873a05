"""What programs read: the JSON forms of our values.

A value comes in; an object that `json.dumps` takes goes out. `docs/commands.md` describes each form. A file for each
subject.
"""
