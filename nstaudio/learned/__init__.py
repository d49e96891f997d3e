"""A trained network that predicts a result's log-mel levels from content and style."""
