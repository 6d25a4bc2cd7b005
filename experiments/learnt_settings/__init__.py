"""What a fit costs when the settings are learnt on the way."""
