"""The command `imgclass`: retrain, compare, convert, export, label, demo, serve, audit, clean, cache, data and lab.

The flags of `retrain` and `label` are those of TensorFlow's `retrain.py` and `label_image.py`, with their meaning.
Heavy modules are imported where a command needs them, so that `imgclass --help` answers at once.
"""

import atexit
import gc
import sys
from collections.abc import Sequence

import click

from imgclass_course import __version__
from imgclass_course.commands.clean import clean
from imgclass_course.commands.compare import compare
from imgclass_course.commands.convert import convert
from imgclass_course.commands.export import export
from imgclass_course.commands.folders import audit, cache, data
from imgclass_course.commands.lab import lab
from imgclass_course.commands.label import demo, label
from imgclass_course.commands.retrain import retrain
from imgclass_course.commands.serve import serve
from imgclass_course.foundation.errors import CourseError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="imgclass")
def cli() -> None:
    """From a folder of pictures to an image classifier.

    \b
    Example:
      imgclass retrain my_pictures/ --output_graph my_classifier
      imgclass label --graph my_classifier new_picture.jpg
    """


for command in (retrain, compare, convert, export, label, demo, serve, audit, clean, cache, data, lab):
    cli.add_command(command)


def _search_less_for_garbage() -> None:
    """Make the garbage collector look less often, and not at all at the end.

    Importing TensorFlow makes a million objects that stay; looking through them again and again takes a third of the
    import's time.
    """
    gc.set_threshold(100_000, 50, 100)
    atexit.register(gc.freeze)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; every foreseen mistake ends in one line and exit code 2."""
    _search_less_for_garbage()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that the terminal cannot show becomes escapes
            stream.reconfigure(errors="backslashreplace")
    try:
        return cli.main(arguments, prog_name="imgclass", standalone_mode=False) or 0
    except click.Abort:
        message = "stopped"
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "")
        return 2
    except click.ClickException as error:
        message = error.format_message()
    except (CourseError, OSError) as error:
        message = str(error)
    click.echo(f"imgclass: {' '.join(message.split())}", err=True)
    return 2


if __name__ == "__main__":
    sys.exit(main())
