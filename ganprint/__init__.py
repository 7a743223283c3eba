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
    from ganprint.forensics.verdict import Verdict
    from ganprint.forge.mini import mini
    from ganprint.weights import list_weights

    __version__: str
else:
    _lazy = lazy_names(
        __name__,
        {
            "Attribution": "ganprint.api.attribution",
            "GanprintError": "ganprint.errors",
            "Predictor": "ganprint.api.predictor",
            "Score": "ganprint.api.predictor",
            "Verdict": "ganprint.forensics.verdict",
            "assess": "ganprint.api.error_rates",
            "attribute": "ganprint.api.attribution",
            "calibrate": "ganprint.api.error_rates",
            "check_data": "ganprint.api.manifests",
            "compare": "ganprint.api.comparisons",
            "demo": "ganprint.api.demonstration",
            "enroll": "ganprint.api.enrolment",
            "evaluate": "ganprint.api.evaluations",
            "explain": "ganprint.api.explanation",
            "fuse": "ganprint.api.fusions",
            "join_data": "ganprint.api.manifests",
            "leaderboard": "ganprint.api.overviews",
            "list_weights": "ganprint.weights",
            "load": "ganprint.api.predictor",
            "method_settings": "ganprint.api.installed",
            "methods": "ganprint.api.installed",
            "mini": "ganprint.forge.mini",
            "perturb": "ganprint.api.perturbed_copies",
            "plot": "ganprint.api.overviews",
            "split_data": "ganprint.api.manifests",
            "study_ablation": "ganprint.api.trained_studies",
            "study_semantics": "ganprint.api.trained_studies",
            "train": "ganprint.api.trainings",
            "verify": "ganprint.api.verification",
            "verify_weights": "ganprint.api.installed",
        },
    )

    def __getattr__(name):
        if name == "__version__":
            # Reading it takes longer than all else here.
            from importlib.metadata import version

            return version("ganprint")
        return _lazy(name)


__all__ = [
    "Attribution",
    "GanprintError",
    "Predictor",
    "Score",
    "Verdict",
    "assess",
    "attribute",
    "calibrate",
    "check_data",
    "compare",
    "demo",
    "enroll",
    "evaluate",
    "explain",
    "fuse",
    "join_data",
    "leaderboard",
    "list_weights",
    "load",
    "method_settings",
    "methods",
    "mini",
    "perturb",
    "plot",
    "split_data",
    "study_ablation",
    "study_semantics",
    "train",
    "verify",
    "verify_weights",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
