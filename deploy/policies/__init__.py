"""Admission policies as files: `python -m deploy.policies` writes them from environments.fencing and environments.guarding."""
