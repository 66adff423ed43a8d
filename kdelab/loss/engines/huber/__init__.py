"""Huber's kernel: panels between its kinks, where tails are two numbers and cores a few moments; O(k) after a sort."""
