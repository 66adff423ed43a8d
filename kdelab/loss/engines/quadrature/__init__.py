"""The loss by quadrature, in log space, for every kernel."""
