"""The command line. One command per file; heavy modules are imported inside the commands."""
