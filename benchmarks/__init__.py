"""`make bench`: the loss against its peers, in an environment of their own, in one interleaved run."""
