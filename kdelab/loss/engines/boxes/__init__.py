"""The loss of boxes in closed form: between their edges the density is constant."""
