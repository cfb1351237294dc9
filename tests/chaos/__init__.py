"""Outages, storms and vandalism on the running platform: `make chaos`. Each test takes minutes, so that they aren't part of `make test`."""
