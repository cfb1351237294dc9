"""The webhook configuration that has the API server say who deletes an Environment."""
