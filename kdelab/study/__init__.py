"""What the loss is compared with: rival losses, the shortcuts of the thread, shuffled batches. Knows the loss."""
