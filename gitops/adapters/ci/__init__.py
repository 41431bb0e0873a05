"""What runs the jobs.

What a job was started for comes in; what was asked of it goes out. A package for each provider; today there is GitHub
Actions.
"""
