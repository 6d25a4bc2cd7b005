"""CP decompositions: a tensor as a sum of outer products of vectors."""
