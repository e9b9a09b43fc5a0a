"""Where data come from: `.npz` files, Keras's download, and stand-ins drawn by code."""
