"""Success rate and cost of random starts against the radius of the ball."""
