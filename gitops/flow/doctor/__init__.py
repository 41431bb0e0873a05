"""Whether what the promise rests on is there.

Settings as they were read come in; findings go out, each with its fix. What could not be read is a finding as well.
Begin with `diagnosis.py`; `host_settings.py` judges the code host, `cloud_settings.py` the cloud, `findings.py` says
what a finding is. `workflows.py` knows the names of the pipeline's own workflows.
"""
