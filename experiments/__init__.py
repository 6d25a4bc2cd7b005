"""Experiments: a folder each, with settings (TOML) and a thin script over the public API."""
