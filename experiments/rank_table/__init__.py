"""The paper's table of ranks and border ranks."""
