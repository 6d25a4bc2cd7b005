"""How long `mmdiscover discover` takes from an empty database to a proved scheme."""
