"""Attribute synthetic images to the generator architecture that made them.

Each name is imported when it is first used: `import ganprint` imports neither torch nor NumPy.
"""

from typing import TYPE_CHECKING

from ganprint.lazy import lazy_names

if TYPE_CHECKING:
    from ganprint.api.attribution import Attribution, attribute
    from ganprint.api.comparisons import compare
    from ganprint.api.enrolment import enroll
    from ganprint.api.error_rates import assess, calibrate
    from ganprint.api.evaluations import evaluate
    from ganprint.api.explanation import explain
    from ganprint.api.fusions import fuse
    from ganprint.api.installed import method_settings, methods, verify_weights
    from ganprint.api.manifests import check_data, join_data, split_data
    from ganprint.api.perturbed_copies import perturb
    from ganprint.api.predictor import Predictor, Score, load
    from ganprint.api.trainings import train
    from ganprint.api.verification import verify
    from ganprint.errors import GanprintError
    from ganprint.forensics.verdict import Verdict
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
            "enroll": "ganprint.api.enrolment",
            "evaluate": "ganprint.api.evaluations",
            "explain": "ganprint.api.explanation",
            "fuse": "ganprint.api.fusions",
            "join_data": "ganprint.api.manifests",
            "list_weights": "ganprint.weights",
            "load": "ganprint.api.predictor",
            "method_settings": "ganprint.api.installed",
            "methods": "ganprint.api.installed",
            "perturb": "ganprint.api.perturbed_copies",
            "split_data": "ganprint.api.manifests",
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
    "enroll",
    "evaluate",
    "explain",
    "fuse",
    "join_data",
    "list_weights",
    "load",
    "method_settings",
    "methods",
    "perturb",
    "split_data",
    "train",
    "verify",
    "verify_weights",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
