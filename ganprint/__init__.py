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
    from ganprint.api.perturbed_copies import perturb
    from ganprint.api.predictor import Predictor, Score, load
    from ganprint.api.trainings import train
    from ganprint.api.verification import verify
    from ganprint.errors import GanprintError
    from ganprint.forensics.verdict import Verdict

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
            "compare": "ganprint.api.comparisons",
            "enroll": "ganprint.api.enrolment",
            "evaluate": "ganprint.api.evaluations",
            "explain": "ganprint.api.explanation",
            "load": "ganprint.api.predictor",
            "perturb": "ganprint.api.perturbed_copies",
            "train": "ganprint.api.trainings",
            "verify": "ganprint.api.verification",
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
    "compare",
    "enroll",
    "evaluate",
    "explain",
    "load",
    "perturb",
    "train",
    "verify",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
