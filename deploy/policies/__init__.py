"""Admission policies as files: `python -m deploy.policies` writes deploy/policies/fencing.yaml from environments.fencing."""
