"""Discrete search: walks on the flip graph, moves between formats, lifting."""
