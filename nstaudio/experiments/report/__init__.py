"""Pages that play and plot runs."""
