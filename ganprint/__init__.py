"""Attribute synthetic images to the generator architecture that made them.

Each name is imported when it is first used: `import ganprint` imports neither torch nor NumPy.
"""

from typing import TYPE_CHECKING

from ganprint.lazy import lazy_names

if TYPE_CHECKING:
    from ganprint.api.attribution import Attribution, attribute
    from ganprint.api.comparisons import compare
    from ganprint.api.demonstration import demo
    from ganprint.api.enrolment import enroll
    from ganprint.api.error_rates import assess, calibrate
    from ganprint.api.evaluations import evaluate
    from ganprint.api.explanation import explain
    from ganprint.api.fusions import fuse
    from ganprint.api.installed import method_settings, methods, verify_weights
    from ganprint.api.manifests import check_data, join_data, split_data
    from ganprint.api.overviews import leaderboard, plot
    from ganprint.api.perturbed_copies import perturb
    from ganprint.api.predictor import Predictor, Score, load
    from ganprint.api.trained_studies import study_ablation, study_semantics
    from ganprint.api.trainings import train
    from ganprint.api.verification import verify
    from ganprint.errors import GanprintError
    from ganprint.forensics.record import schema
    from ganprint.forensics.verdict import Verdict
    from ganprint.weights import list_weights

    __version__: str
else:
    _lazy = lazy_names(__name__)

    def __getattr__(name):
        if name == "__version__":
            # Reading it takes longer than all else here.
            from importlib.metadata import version

            return version("ganprint")
        return _lazy(name)


__all__ = [
    "Attribution", "GanprintError", "Predictor", "Score", "Verdict", "assess", "attribute", "calibrate",
    "check_data", "compare", "demo", "enroll", "evaluate", "explain", "fuse", "join_data", "leaderboard",
    "list_weights", "load", "method_settings", "methods", "perturb", "plot", "schema", "split_data",
    "study_ablation", "study_semantics", "train", "verify", "verify_weights",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
