"""How fast the tensor library is beside other programs."""
