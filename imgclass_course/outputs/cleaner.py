"""What the page for cleaning a folder shows and does: pictures to look at, and decisions that are kept at once.

Pictures and classes go by their numbers: a page can name only what it was given, and no path comes back from it.
"""

import threading
from collections.abc import Sequence
from typing import Any

from ..decisions import CHOICES, KEEP, MOVE, Decision, Decisions, decision_path
from ..findings import KINDS, Finding
from ..foundation.errors import DatasetError
from ..foundation.files import printable
from ..image_folder import ImageFolder
from .small_pictures import small_jpeg

SHOWN_SIZE = 320  # pixels of the longer side: sharp on screens of twice the density
JUDGED = ("suspects", "mistakes")  # the sections that are about the class
EARLIER = "decided"  # the section of pictures that were decided on before, and are not found any more
TITLES = {
    "suspects": "Suspects",
    "near-duplicates": "Near-duplicates",
    "unreadable": "Unreadable",
    "mistakes": "Mistakes",
}


class Cleaner:
    """The pictures that were found odd in a folder, and the decisions on them. Several threads may ask at once.

    `images` are the pictures as the folder has them, without decisions. Raises `DatasetError` for a file of decisions
    that cannot be used.
    """

    def __init__(self, images: ImageFolder, findings: Sequence[Finding]) -> None:
        self.images, self.decisions = images, Decisions(images)
        self._lock = threading.Lock()
        rows = zip(images.table["path"], images.table["label"], strict=True)
        self._labels = {decision_path(path): label for path, label in rows}
        self._table_paths = {decision_path(path): path for path in images.table["path"]}
        findings = [one for one in findings if not self._is_settled(one)]
        self.findings = [*findings, *self._decided_earlier(findings)]
        shown = [path for one in self.findings for path in (one.path, one.other) if path]
        self.paths = list(dict.fromkeys(map(decision_path, shown)))  # a picture's number is its place
        self._numbers = {path: number for number, path in enumerate(self.paths)}

    def _is_settled(self, finding: Finding) -> bool:
        """Return whether a picture was moved already: what is said of its class is about the one that it moved to."""
        decision = self.decisions.get(decision_path(finding.path))
        return finding.kind in JUDGED and decision is not None and decision.choice == MOVE

    def _decided_earlier(self, findings: Sequence[Finding]) -> list[Finding]:
        """Return what the file decides on and the findings do not show."""
        shown = {decision_path(one.path) for one in findings}
        earlier = [path for path in self.decisions.refresh() if path in self._labels and path not in shown]
        return [Finding(EARLIER, self._table_paths[path], "decided on before") for path in earlier]

    def state(self) -> dict[str, Any]:
        """Return all that the page shows, as JSON may hold it: texts are printable, pictures and classes are numbers."""
        with self._lock:
            decided = self.decisions.refresh()
        known = {self._numbers[path]: one for path, one in decided.items() if path in self._numbers}
        return {
            "folder": printable(self.images.root or ""),
            "classes": [printable(name) for name in self.images.classes],
            "pictures": [self._picture(path) for path in self.paths],
            "sections": self._sections(),
            "decisions": {str(number): self._decision(one) for number, one in known.items()},
        }

    def _picture(self, path: str) -> dict[str, Any]:
        return {"name": printable(path), "label": self._class(self._labels[path])}

    def _class(self, name: str) -> int:
        """Return the number of a class, -1 where there is no such class."""
        return self.images.classes.index(name) if name in self.images.classes else -1

    def _sections(self) -> list[dict[str, Any]]:
        """Return the sections that hold anything; that of the suspects always."""
        about = {**KINDS, EARLIER: "These were decided on before, and are not odd any more."}
        titles = {**TITLES, EARLIER: "Decided before"}
        found = {kind: [self._item(one) for one in self.findings if one.kind == kind] for kind in about}
        return [
            {"kind": kind, "title": titles[kind], "about": about[kind], "items": items}
            for kind, items in found.items()
            if items or kind == "suspects"
        ]

    def _item(self, finding: Finding) -> dict[str, Any]:
        other = self._numbers[decision_path(finding.other)] if finding.other else -1
        return {
            "picture": self._numbers[decision_path(finding.path)],
            "note": printable(finding.note),
            "proposed": self._class(finding.proposed),
            "other": other,
        }

    def _decision(self, decision: Decision | None) -> dict[str, Any] | None:
        return {"choice": decision.choice, "label": self._class(decision.label)} if decision else None

    def decide(self, number: Any, choice: Any, label: Any = -1) -> dict[str, Any]:
        """Keep a decision on a picture, by its number and that of the class to move to; return what is decided now.

        Raises `DatasetError` for numbers and choices that there are none of, and where the file cannot be used.
        """
        path = self._path(number)
        with self._lock:
            if choice == MOVE:
                self.decisions.move(path, self._class_name(label))
            elif choice in CHOICES:
                (self.decisions.keep if choice == KEEP else self.decisions.leave_out)(path)
            else:
                raise DatasetError(f"There is no choice {choice!r}; there are {', '.join(CHOICES)}.")
            return self._changed(path)

    def undo(self) -> dict[str, Any]:
        """Take the last change back; return what is decided now, with picture -1 where there was nothing to take back."""
        with self._lock:
            return self._changed(self.decisions.undo())

    def _changed(self, path: str) -> dict[str, Any]:
        """Return the number of a picture (-1: not on the page), what is decided on it now, and its name."""
        decision = self._decision(self.decisions.get(path))
        return {"picture": self._numbers.get(path, -1), "decision": decision, "name": printable(path)}

    def _path(self, number: Any) -> str:
        if not _is_place(number, self.paths):
            raise DatasetError(f"There is no picture {number!r}: load the page again.")
        return self.paths[number]

    def _class_name(self, label: Any) -> str:
        if not _is_place(label, self.images.classes):
            raise DatasetError("Choose the class to move to.")
        return self.images.classes[label]

    def small_picture(self, number: Any) -> bytes:
        """Return a small JPEG of a picture by its number, empty where it cannot be read. Raises `DatasetError`."""
        return small_jpeg(self.images.picture(self._table_paths[self._path(number)]), SHOWN_SIZE)


def _is_place(number: Any, things: Sequence) -> bool:
    return type(number) is int and 0 <= number < len(things)  # True is no number of a picture
