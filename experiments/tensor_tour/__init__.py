"""Every area of the tensor library at work, in under two minutes."""
