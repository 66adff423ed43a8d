"""Guns against each other on recorded battles. Knows the gun."""
