"""The triangular and the parabolic kernel's loss in closed form: between their edges the density is a polynomial."""
