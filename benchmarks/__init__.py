"""The loss against its peers (`make bench`, in an environment of their own) and its own past (`make history`)."""
