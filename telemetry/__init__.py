"""What operators see from outside: traces and metrics. Composition roots put it around workflows, activities and gateways, which
know nothing of it."""
