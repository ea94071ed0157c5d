"""Sorting a download into `submitted/STUDENT/LESSON/LESSON.ipynb`, so that doing it twice changes nothing.

Of several notebooks by one student for one lesson, that counts which `hand-in.toml` says. What cannot be placed is told
with the reason; it never keeps anybody else's work from its place.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory

from autograder.authoring.hand_in import HandIn
from autograder.classroom.course_lock import sole_writer
from autograder.classroom.whole_files import write_whole
from autograder.grading.refusal import NotGradable
from autograder.lms.handed_in import HandedIn, read_collected, write_collected
from autograder.lms.matching import Matching, Whose
from autograder.lms.roster import Roster
from autograder.lms.unpack import MAX_FILE, OTHER_ARCHIVES, Found, files_in
from autograder.lms.which_lesson import NOTEBOOKS, recognise

NEW, REPLACED, SAME, PASSED, LEFT = "new", "replaced", "unchanged", "does not count", "not placed"
_SMALL = 64 * 2**10  # bytes of a receipt


@dataclass
class Row:
    """What became of a student's work for a lesson. word: one of NEW, REPLACED, SAME, PASSED, LEFT."""

    student: str
    lesson: str
    word: str
    notes: list[str] = field(default_factory=list)


@dataclass
class Collection:
    """What a download held. missing: students of the roster of whom nothing was ever collected, by lesson;
    earlier: folders of attempts that are to be graded, too, because the best one counts."""

    rows: list[Row] = field(default_factory=list)
    missing: dict[str, list[str]] = field(default_factory=dict)
    earlier: list[Path] = field(default_factory=list)
    others: int = 0


@dataclass(frozen=True)
class _Candidate:
    """A notebook of the download. file: its own name; lesson: "" while nothing says which; surely: its cells say it."""

    whose: Whose
    path: tuple[str, ...]
    file: str
    lesson: str
    digest: str
    notes: tuple[str, ...]
    surely: bool


def collect(
    download: Path,
    system: str,
    out: Path,
    lessons: Sequence[str],
    class_: HandIn,
    roster: Roster,
    lesson: str = "",
    progress: Callable[[int], None] = lambda files: None,
) -> Collection:
    """Sort a download into the folder `submitted` of a course folder; return what became of it.

    download  a folder, an archive, or one file
    system    "canvas", "moodle", "blackboard", or "folder"
    lesson    of a notebook that does not say which it is of; "" to take that of the others in the download
    progress  called with the number of files that were looked at

    Raises WrongUsage, InUse when another run writes to the course folder, and OSError when the disk is full.
    """
    with sole_writer(out), TemporaryDirectory(dir=out / ".grading") as spool:
        run = _Run(system, out, Path(spool), lessons, class_, roster)
        for number, found in enumerate(files_in(download), 1):
            run.look(found)
            progress(number)
        run.place(run.named(lesson))
        return run.finished()


class _Run:
    def __init__(
        self, system: str, out: Path, spool: Path, lessons: Sequence[str], class_: HandIn, roster: Roster
    ) -> None:
        self.out, self.spool, self.lessons, self.class_, self.roster = out, spool, lessons, class_, roster
        self.collected = read_collected(out)
        self.matching = Matching(system, roster, class_, lessons, self.collected)
        self.candidates: list[_Candidate] = []
        self.idle: dict[str, list[str]] = {}  # student → what they handed in that is no notebook
        self.usual = ""  # the lesson of most notebooks in the download
        self.result = Collection()

    # ---- looking at one file after the other

    def look(self, found: Found) -> None:
        """Take a file for what it is."""
        name = found.path[-1].casefold()
        if found.refusal:
            if _is_work(name):
                self.leave(found, found.refusal)
            return
        try:
            if name.endswith(".txt") and not name.endswith(NOTEBOOKS):
                if name == "timestamp.txt" or "_attempt_" in name:
                    self.matching.notice(found.path, found.read(_SMALL))
                    if "_attempt_" in name and (student := self.matching.whose(found.path).student):
                        self.idle.setdefault(student, [])
                else:
                    self.pass_over(found)
            elif name.endswith(OTHER_ARCHIVES):
                what = f"archives of the kind {Path(name).suffix} are not read"
                self.leave(found, f"{what}. Unpack it, or ask for the notebook itself.")
            elif not (name.endswith(NOTEBOOKS) and self.take(found, found.read(MAX_FILE))):
                self.pass_over(found)
        except NotGradable as problem:
            self.leave(found, str(problem))

    def take(self, found: Found, data: bytes) -> bool:
        """Keep a file as a candidate when it is a notebook; return whether it is."""
        whose, digest = self.matching.whose(found.path), hashlib.sha256(data).hexdigest()
        name = whose.origin.file if whose.origin.place == found.path[-1] else found.path[-1]
        recognised = recognise(name, data, self.lessons)
        if recognised is None:
            return False
        if whose.problem:
            self.leave(found, whose.problem)
            return True
        notes = [whose.note] if whose.note else []
        if found.strays:
            notes.append(f"its name led out of the archive ({found.path[-1]}); only what is in it was read")
        if recognised.broken:
            notes.append(f"grading will refuse it: {recognised.broken} Ask for a whole file")
        if (named := _named(name, self.lessons)) and recognised.lesson not in ("", named):
            notes.append(f"called {name}, but it is the notebook of {recognised.lesson}")
        if recognised.lesson and recognised.by_name:
            notes.append(f"its cells do not say their lesson; taken for {recognised.lesson} by the name of the file")
        (self.spool / digest).write_bytes(data)
        lesson, surely = recognised.lesson, recognised.lesson != "" and not recognised.by_name
        self.candidates.append(_Candidate(whose, found.path, name, lesson, digest, tuple(notes), surely))
        return True

    def pass_over(self, found: Found) -> None:
        """Count a file that is no notebook, under the name of whoever handed it in."""
        self.result.others += 1
        whose = self.matching.whose(found.path)
        if whose.student:
            self.idle.setdefault(whose.student, []).append(whose.origin.file or found.path[-1])

    def leave(self, found: Found, why: str) -> None:
        """Say of a file that it has no place."""
        whose = self.matching.whose(found.path)
        shown = found.shown if not whose.student or len(found.path) < 3 else found.path[-1]
        self.result.rows.append(Row(whose.student, "", LEFT, [f"{shown}: {why.removesuffix('.')}"]))

    # ---- which lesson, which attempt

    def named(self, lesson: str) -> list[_Candidate]:
        """Return the candidates with a lesson each; those without one are left."""
        sure, kept = Counter(one.lesson for one in self.candidates if one.surely), []
        most = sure.most_common(1)[0] if sure else ("", 0)
        self.usual = lesson or (most[0] if 2 * most[1] > sure.total() else "")
        usual = lesson or (most[0] if len(sure) == 1 else "")
        for one in self.candidates:
            if one.lesson:
                odd = self.usual not in ("", one.lesson) and not any(one.lesson in note for note in one.notes)
                note = f"it is the notebook of {one.lesson}, not of {self.usual} as the others"
                kept.append(replace(one, notes=(*one.notes, note)) if odd else one)
            elif usual:
                note = f"nothing in {one.file} says its lesson; taken for {usual}"
                kept.append(replace(one, lesson=usual, notes=(*one.notes, note)))
            else:
                why = f"{one.file}: nothing says which lesson it is of. Name it with --lesson"
                self.result.rows.append(Row(one.whose.student, "", LEFT, [why]))
        return kept

    def place(self, candidates: list[_Candidate]) -> None:
        """Enter the candidates into what was collected, and lay the notebooks that count into their folders."""
        groups: dict[tuple[str, str], list[_Candidate]] = {}
        for one in candidates:
            groups.setdefault((one.whose.student, one.lesson), []).append(one)
        for (student, lesson), some in sorted(groups.items()):
            if len(tied := _tied(list(map(self.entry, some)), lesson)) > 1:
                names = " and ".join(sorted({one.file for one in tied}))
                why = f"{names} differ, and nothing says which of them counts. Ask, and delete the other"
                self.result.rows.append(Row(student, lesson, LEFT, [why]))
                groups[student, lesson] = []
                continue
            for one in some:
                self.enter(self.entry(one))
        write_collected(self.out, self.collected)
        for (student, lesson), some in sorted(groups.items()):
            if some:
                notes = [note for one in some for note in one.notes]
                self.result.rows.append(self.put(student, lesson, list(dict.fromkeys(notes)), some))

    def entry(self, one: _Candidate) -> HandedIn:
        """Return what is recorded of a candidate."""
        made, time = one.whose.origin, one.whose.time or self.matching.times.get(one.path[:-1])
        return HandedIn(
            one.whose.student, one.lesson, one.digest, made.system, made.key, made.name, made.place, made.number, time,
            made.late, ".ipynb_checkpoints" in one.path or one.file.endswith("-checkpoint.ipynb"), one.file,
        )  # fmt: skip

    def enter(self, new: HandedIn) -> None:
        """Record a notebook. One that is known stays where it is in the order, with what has been learned since."""
        for place, old in enumerate(self.collected):
            if (old.student, old.lesson, old.digest) == (new.student, new.lesson, new.digest):
                newer = new if new.number > old.number else old
                self.collected[place] = replace(newer, time=old.time or new.time, late=old.late and new.late)
                return
        self.collected.append(new)

    def put(self, student: str, lesson: str, notes: list[str], some: list[_Candidate]) -> Row:
        """Lay the notebook that counts into its folder, unless it is there; return what was done."""
        attempts = [one for one in self.collected if (one.student, one.lesson) == (student, lesson)]
        counts = that_counts(attempts, self.class_)
        target = self.out / "submitted" / student / lesson / f"{lesson}.ipynb"
        if why := _unsafe(target, self.out / "submitted"):
            return Row(student, lesson, LEFT, [*notes, why])
        there = hashlib.sha256(target.read_bytes()).hexdigest() if target.is_file() else ""
        notes += _lateness(counts, self.class_)
        if there and there not in {one.digest for one in attempts}:
            return Row(student, lesson, LEFT, [*notes, f"{_short(target)} was changed by hand: it stays. Move it away"])
        if self.class_.keep == "best":
            self.keep_earlier(attempts, target)
        if there == counts.digest:
            if counts.digest in {one.digest for one in some}:
                return Row(student, lesson, SAME, notes)
            return Row(student, lesson, PASSED, [*notes, _rule(self.class_)])
        if not (self.spool / counts.digest).is_file():
            why = f"{counts.file} counts, which is not in this download: collect the one with it"
            return Row(student, lesson, LEFT, [*notes, why])
        write_whole(target, (self.spool / counts.digest).read_bytes())
        stamp = target.with_name("timestamp.txt")
        if counts.time:
            write_whole(stamp, f"{counts.time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC\n")
        elif there:
            stamp.unlink(missing_ok=True)  # it was that of the earlier one
        more = [f"{len(attempts)} attempts: {_rule(self.class_)}"] if len(attempts) > 1 else []
        return Row(student, lesson, REPLACED if there else NEW, [*notes, *more])

    def keep_earlier(self, attempts: list[HandedIn], target: Path) -> None:
        """Lay the attempts before the last beside it, each where `grade` finds it, with the same hidden cases."""
        from autograder.classroom.records import kept_seed  # brings torch along, which takes seconds

        last = that_counts(attempts, self.class_)
        for number, one in enumerate((one for one in in_order(attempts) if one is not last), 1):
            root = self.out / "earlier" / str(number)
            place = root / "submitted" / one.student / one.lesson / target.name
            sources = (self.spool / one.digest, target)
            data = next((path.read_bytes() for path in sources if path.is_file() and _has(path, one.digest)), None)
            if data is not None and not _has(place, one.digest) and not _unsafe(place, root / "submitted"):
                write_whole(place, data)
                kept_seed(root, kept_seed(self.out))
            if root not in self.result.earlier and place.is_file():
                self.result.earlier.append(root)

    def finished(self) -> Collection:
        """Return the result, with those who handed in no notebook, and those who handed in nothing."""
        handed = {row.student for row in self.result.rows}
        for student, files in sorted(self.idle.items()):
            if student not in handed:
                some = ", ".join(files[:3]) + (" …" if len(files) > 3 else "")
                what = f"no notebook, but {some}" if files else "no file"
                self.result.rows.append(Row(student, "", LEFT, [f"{what}. Ask for the .ipynb"]))
        for lesson in [self.usual] if self.usual else sorted({row.lesson for row in self.result.rows} - {""}):
            there = {one.student for one in self.collected if one.lesson == lesson}
            there |= {row.student for row in self.result.rows}
            self.result.missing[lesson] = [one.student for one in self.roster.students if one.student not in there]
        self.result.rows.sort(key=lambda row: (row.word != LEFT, row.lesson, row.student))
        return self.result


def that_counts(attempts: Iterable[HandedIn], class_: HandIn) -> HandedIn:
    """Return which attempt of one student for one lesson counts; with "best", the last, beside which the others lie."""
    ordered = in_order(attempts)
    late = lambda one: class_.days_late(one.student, one.lesson, one.time, one.late)  # noqa: E731
    on_time = [one for one in ordered if not late(one)]
    return (on_time if on_time and class_.keep == "on_time" else ordered)[-1]


def in_order(attempts: Iterable[HandedIn]) -> list[HandedIn]:
    """Return the attempts of one student for one lesson, the first one first."""
    return sorted(attempts, key=lambda one: one.order)  # a stable sort: of equals, the one collected last is the last


def _tied(some: list[HandedIn], lesson: str) -> list[HandedIn]:
    """Return the notebooks of one download that claim to be the last of one student and lesson; one if it is clear."""
    last = max(one.order for one in some)
    tied = list({one.digest: one for one in some if one.order == last}.values())
    exact = [one for one in tied if one.file == f"{lesson}.ipynb"]
    return exact if len(exact) == 1 else tied


def _rule(class_: HandIn) -> str:
    words = {"last": "the last one counts", "on_time": "the last on time counts", "best": "the best one counts"}
    return words[class_.keep]


def _lateness(one: HandedIn, class_: HandIn) -> list[str]:
    """Return what there is to say about when a notebook came."""
    days = class_.days_late(one.student, one.lesson, one.time, one.late)
    if not days:
        return []
    return ["late" if one.time is None else f"{days} {'day' if days == 1 else 'days'} late"]


def _is_work(name: str) -> bool:
    return name.endswith((".zip", *NOTEBOOKS, *OTHER_ARCHIVES)) or "." not in name


def _named(file: str, lessons: Sequence[str]) -> str:
    return next((lesson for lesson in lessons if file.startswith(lesson)), "")


def _has(path: Path, digest: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def _unsafe(target: Path, submitted: Path) -> str:
    """Return why a notebook cannot be written where it belongs, "" if it can: a link would lead elsewhere."""
    home = submitted.resolve()
    for place in (target, target.parent, target.parent.parent):
        if place.is_symlink() or not place.resolve().is_relative_to(home):
            return f"{_short(place)} is a link to another place: nothing was written. Remove it"
    return "" if target.is_file() or not target.exists() else f"{_short(target)} is no file. Move it away"


def _short(path: Path) -> str:
    return "/".join(path.parts[path.parts.index("submitted") :]) if "submitted" in path.parts else str(path)
