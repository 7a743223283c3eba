"""The report of a case: an HTML file and its record beside it, collected while images are answered."""

from pathlib import Path

from ganprint.api.outputs import check_output
from ganprint.errors import UsageError
from ganprint.forensics.ensemble import Ensemble
from ganprint.forensics.record import make_record, save_record
from ganprint.forensics.verdict import Verdict
from ganprint.images import ImageFile

MOST_REPORTED = 1000
"""Images of a report, which is one page, and held in memory."""


def check_report(report: Path | None, *, force: bool) -> None:
    """Refuse a report whose name is not that of an HTML file, or that is there already with its record."""
    if report is None:
        return
    if report.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{report} does not end in .html.", "End it with .html; the record goes beside it.")
    check_output(report, force=force)
    check_output(report.with_suffix(".json"), force=force)


def check_size(images: int) -> None:
    """Refuse a report of more images than a page holds."""
    if images > MOST_REPORTED:
        fault = f"A report holds at most {MOST_REPORTED} images."
        raise UsageError(fault, "Use --out for more images, and report on the important ones.")


class CaseReport:
    """What a report is made of; with `maps`, pictures of what the answers are made of, too."""

    def __init__(self, ensemble: Ensemble, *, maps: bool) -> None:
        from ganprint.reporting.report import Exhibits

        self.ensemble, self.exhibits = ensemble, Exhibits(ensemble, maps=maps)
        self.verdicts: list[Verdict] = []

    def see(self, image: ImageFile) -> None:
        """Keep what the page shows of an image."""
        self.exhibits.see(image)

    def write(self, verdict: Verdict) -> None:
        """Add a verdict; raise UsageError where there are too many for a page."""
        check_size(len(self.verdicts) + 1)
        self.verdicts.append(verdict)

    def save(
        self, report: Path, command: str, *, device: str, max_pixels: int | None = None, force: bool = False
    ) -> None:
        """Write the page and its record; raise UsageError where no image was named."""
        if not self.verdicts:
            raise UsageError("There is no image to report on.", "Name images, or folders that hold some.")
        from ganprint.reporting.report import write_report

        record = make_record(
            self.ensemble, self.verdicts, command, device=device, max_pixels=max_pixels, folder=report.parent
        )
        save_record(record, report.with_suffix(".json"), force=force)
        write_report(record, self.exhibits, report, force=force)
