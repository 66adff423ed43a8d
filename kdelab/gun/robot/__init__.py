"""A complete robot in Java around a trained gun, to read in one sitting and to take pieces from."""
