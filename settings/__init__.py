"""Every setting of the product, typed, grouped, each with its unit and the reason of its default. Read by composition roots only."""
