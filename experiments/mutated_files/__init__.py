"""What readers and verification make of damaged scheme files."""
