"""The workflows, reached through Temporal."""
