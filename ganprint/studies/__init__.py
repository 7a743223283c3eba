"""Studies: trainings that are compared, and the published results beside them."""
