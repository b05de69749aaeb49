"""Buttons for deciding on pictures in a notebook, one after the other: keep, move, leave out, undo.

Each click is kept in the file of decisions at once (see `imgclass_course.decisions`); no picture is moved or deleted.
"""

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image

from ..decisions import Decision, Decisions
from ..foundation.errors import CourseError, ImageError
from ..foundation.files import printable

if TYPE_CHECKING:
    import ipywidgets

SHOWN_SIZE = 220  # pixels of the longer side
PALE = (230, 230, 230)  # of the empty place where a picture cannot be read


class CleanerButtons:
    """A picture, what is said of it, and four buttons; `box` is the widget that a notebook shows.

    `paths` are pictures in the table of `decisions.images`, `captions` say what is odd about each, and `guesses` are the
    classes that the menu proposes. Pictures that were decided on already come last.
    """

    def __init__(
        self,
        decisions: Decisions,
        paths: Sequence[str],
        captions: Sequence[str] = (),
        guesses: Sequence[str] = (),
    ) -> None:
        import ipywidgets as widgets

        self.decisions, self.paths = decisions, list(paths)
        self.captions = dict(zip(self.paths, captions, strict=bool(captions)))
        self.guesses = dict(zip(self.paths, guesses, strict=bool(guesses)))
        side = f"{SHOWN_SIZE}px"  # the place stays the same, so that the buttons do, too
        self.picture = widgets.Image(format="png", layout=widgets.Layout(width=side, height=side, object_fit="contain"))
        self.caption, self.said = widgets.Label(), widgets.Label()
        self.classes = widgets.Dropdown(options=[(printable(name), name) for name in decisions.images.classes])
        self.classes.layout.width = "9em"
        self.keep = self._button("Keep", "check", lambda path: decisions.keep(path))
        self.move = self._button("Move to", "arrow-right", lambda path: decisions.move(path, self.classes.value))
        self.leave_out = self._button("Leave out", "times", lambda path: decisions.leave_out(path))
        self.undo = widgets.Button(description="Undo", icon="undo", layout=widgets.Layout(width="7.5em"))
        self.undo.on_click(lambda _: self._undo())
        rows = [[self.keep, self.leave_out, self.undo], [self.move, self.classes]]
        wrap = widgets.Layout(flex_flow="row wrap")
        boxes = [widgets.HBox(row, layout=wrap) for row in rows]
        self.box: ipywidgets.VBox = widgets.VBox([self.picture, self.caption, *boxes, self.said])
        self._waiting = [path for path in self.paths if decisions.get(path) is None]
        self._show()

    def _button(self, name: str, icon: str, decide: Callable[[str], None]) -> "ipywidgets.Button":
        import ipywidgets as widgets

        button = widgets.Button(description=name, icon=icon, layout=widgets.Layout(width="7.5em"))
        button.on_click(lambda _: self._decide(decide))
        return button

    @property
    def current(self) -> str:
        """The path of the picture that is shown, empty where all are decided on."""
        return self._waiting[0] if self._waiting else ""

    def _decide(self, decide: Callable[[str], None]) -> None:
        """Decide on the picture that is shown, and go on to the next; where that fails, say why and stay."""
        path = self.current
        try:
            decide(path)
        except CourseError as error:
            self.said.value = str(error)
            return
        self._waiting.pop(0)
        self._show(f"{self._name(path)}: {self._choice(path)}")

    def _undo(self) -> None:
        """Take the last decision back, and show its picture again."""
        try:
            path = self.decisions.undo()
        except CourseError as error:
            self.said.value = str(error)
            return
        if path in self.paths:
            self._waiting = [path, *(other for other in self._waiting if other != path)]
        self._show(f"{self._name(path)}: taken back" if path else "There is nothing to take back.")

    def _choice(self, path: str) -> Decision | str:
        return self.decisions.get(path) or ""

    @staticmethod
    def _name(path: str) -> str:
        return printable(path)

    def _show(self, said: str = "") -> None:
        """Show the first picture that waits, and say what was done last."""
        path, done = self.current, len(self.paths) - len(self._waiting)
        for button in (self.keep, self.move, self.leave_out):
            button.disabled = not path
        self.said.value = said
        self.picture.layout.visibility = "visible" if path else "hidden"
        if not path:
            self.caption.value = f"All {len(self.paths)} are decided on. Thank you!"
            return
        self.picture.value = self._png(path)
        about = self.captions.get(path, "")
        self.caption.value = f"{done + 1} of {len(self.paths)}: {self._name(path)}{f', {about}' if about else ''}"
        if path in self.guesses:
            self.classes.value = self.guesses[path]

    def _png(self, path: str) -> bytes:
        """Return a small copy of a picture, or an empty place where it cannot be read."""
        try:
            image = self.decisions.images.picture(path).image(SHOWN_SIZE)
        except (ImageError, OSError):
            image = Image.new("RGB", (SHOWN_SIZE, SHOWN_SIZE), PALE)
        image.thumbnail((SHOWN_SIZE, SHOWN_SIZE))
        kept = io.BytesIO()
        image.save(kept, "PNG")
        return kept.getvalue()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Return what a notebook shows: the widget."""
        return self.box._repr_mimebundle_(**options)
