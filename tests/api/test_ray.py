"""Ray Data: the predictor is the class of an actor pool as it is."""

import runpy
from pathlib import Path

import pytest

import ganprint

EXAMPLE = Path(__file__).parents[2] / "examples" / "ray_attribute.py"


def test_two_workers_of_a_local_cluster_answer_as_attribute_does(
    judged_weights: Path, tiny_manifest: Path, tmp_path: Path
) -> None:
    ray = pytest.importorskip("ray", reason="needs Ray: pip install ganprint[ray]")
    paths = [*sorted(tiny_manifest.parent.glob("*/test_seen*.png"))[:6], tmp_path / "absent.png"]
    # More CPUs than two actors: the pipeline has a task of its own.
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="error")
    try:
        rows = list(runpy.run_path(str(EXAMPLE))["attribute"](paths, str(judged_weights)))
    finally:
        ray.shutdown()
    verdicts = list(ganprint.attribute(paths, weights=judged_weights, enrolled=False, device="cpu"))
    assert [(row["path"], row["verdict"] or None) for row in rows] == [
        (verdict.path, verdict.verdict) for verdict in verdicts
    ]
    assert [bool(row["error"]) for row in rows] == [False] * 6 + [True]
    for row, verdict in zip(rows[:6], verdicts, strict=False):
        assert row["synthetic_probability"] == pytest.approx(verdict.synthetic_probability, abs=1e-4)
