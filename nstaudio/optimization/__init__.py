"""The loss of a transfer and what lowers it: starts, parametrizations, optimisers, the loop."""
