"""How well weights do: metrics with intervals, and the runner that measures them on a manifest."""
