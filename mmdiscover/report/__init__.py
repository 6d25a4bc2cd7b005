"""Tables and figures from the results database."""
