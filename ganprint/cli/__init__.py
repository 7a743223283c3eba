"""The command line: arguments in, one library call, a rendering out."""

import errno
import gc
import os
import sys
from typing import NoReturn

import typer
from typer import Option

from ganprint.cli import data, forge, study, weights
from ganprint.cli.assess import assess
from ganprint.cli.attribute import attribute
from ganprint.cli.calibrate import calibrate
from ganprint.cli.compare import compare
from ganprint.cli.console import complain, complain_once, guard_streams, quiet_libraries
from ganprint.cli.demo import demo
from ganprint.cli.enroll import enroll
from ganprint.cli.evaluate import evaluate
from ganprint.cli.explain import explain
from ganprint.cli.fuse import fuse
from ganprint.cli.leaderboard import leaderboard, plot
from ganprint.cli.manners import CommandTree
from ganprint.cli.methods import methods
from ganprint.cli.perturb import perturb
from ganprint.cli.schema import schema
from ganprint.cli.settings import config
from ganprint.cli.train import train
from ganprint.cli.verify import verify
from ganprint.errors import GanprintError, UsageError, WorkerDiedError
from ganprint.plain_text import printable

app = typer.Typer(
    name="ganprint",
    cls=CommandTree,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Determine whether an image is real or synthetic, and which generator architecture made it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (
    *(attribute, train, evaluate, compare, calibrate, assess, fuse, enroll, verify, schema),
    *(leaderboard, plot, explain, demo, perturb, methods, config),
):
    app.command()(command)
app.add_typer(study.app, name="study")
app.add_typer(data.app, name="data")
app.add_typer(weights.app, name="weights")
app.add_typer(forge.app, name="forge")


@app.callback(invoke_without_command=True)
def ganprint(version: bool = Option(False, "--version", "-V", help="print the version and exit")) -> None:
    """Determine whether an image is real or synthetic, and which generator architecture made it."""
    guard_streams()
    if version:
        from ganprint import __version__

        typer.echo(f"ganprint {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; a user's error is a sentence and a hint on stderr and an exit status."""
    guard_streams()
    quiet_libraries()
    _spin_briefly()
    try:
        app(prog_name="ganprint")
    except GanprintError as error:
        _refuse(error)
    except BrokenPipeError:
        _end_without_output()  # Its reader is gone.
    except OSError as error:
        if error.filename is not None and error.errno in (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG):
            # To ask whether a file is there fails where its folder may not be searched, or its name is too long.
            reason = f"{printable(str(error.filename))} cannot be used: {error.strerror}."
            _refuse(UsageError(reason, "Check the path and its permissions."))
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
            raise
        complain(f"the output cannot be written: {error.strerror}.")
        _end_without_output()
    except RuntimeError as error:
        if not WorkerDiedError.means(error):
            raise
        _refuse(WorkerDiedError())
    finally:
        # The process ends: the collector need not look through torch, for half a second, for what to give back.
        gc.freeze()


def _end_without_output() -> NoReturn:
    # Python would complain once more when it flushes at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


def _spin_briefly() -> None:
    """Let torch's threads give up the processor soon when they wait for each other, unless the user has chosen.

    By default they spin for milliseconds, which other programs on the same processors turn into minutes. GNU's OpenMP
    reads this when torch is imported.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def _refuse(error: GanprintError) -> NoReturn:
    complain_once(error.message, error.hint, set())
    sys.exit(error.exit_status)
