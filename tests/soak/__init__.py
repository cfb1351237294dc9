"""Random lives of many pull requests with random kills and lost webhooks: `make soak`. What is left over afterwards must be nothing."""
