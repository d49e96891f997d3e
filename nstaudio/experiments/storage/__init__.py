"""Files of a run that it goes on from: checkpoints, finished segments, logs."""
