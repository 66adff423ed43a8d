"""The same loss in the operations of an array library, for whatever the engines can't do: any device, any derivative.

Written once, over a namespace ``xp`` of array functions that PyTorch, JAX and NumPy fill (`operations` says which), in
the coordinates of `units`: bandwidths, from the centre of each target. Points and logits are (n, k), padded.

- `laplace`: without a background, in closed form, a sort and two scans
- `quadrature`: every kernel, by Gauss-Legendre on panels that are cut at the kinks
"""
