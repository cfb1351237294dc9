"""`make demo`: the product's main job, done before your eyes on the running local platform."""
