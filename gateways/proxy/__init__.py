"""The forward proxy, squid. Nothing outside this package knows its configuration or its log."""
