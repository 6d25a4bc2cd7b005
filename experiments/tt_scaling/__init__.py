"""How the cost of arithmetic with tensor trains grows with their length."""
