"""The exact loss of clusters whose points are scattered over parts, in two passes over the parts.

A softmax weight and a responsibility are both ratios whose denominator knows the whole cluster: sum_j exp(z_j), and
sum_j exp(z_j) K_h(x - x_j) at each place x of the target. Sums can be put together from parts in any order. So

0. agree on the places, which follow from points, targets and bandwidth, not from the logits;
1. let each part sum what it holds, and merge the sums (`sums`);
2. let each part form the gradient of its own points from what the merged sums say of the whole.

`nodes` does so at the nodes of a quadrature, for every kernel; `laplace` in closed form. `two_pass` runs either over
parts that lie in one process.
"""
