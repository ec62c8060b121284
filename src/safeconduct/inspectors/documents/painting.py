"""What of a page's text can be seen: the operators of a PDF page, followed as they paint.

ISO 32000-2, sections 8.4 (graphics state), 8.5 (paths), 9.3 (text state), 8.11 (layers).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, cast

from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    IndirectObject,
    NameObject,
    TextStringObject,
)

from safeconduct.inspectors.documents.graphics import (
    UNIT,
    WHITE,
    Colour,
    Matrix,
    State,
    bounds,
    dictionary,
    is_alike,
    matrix_of,
    number_of,
    times,
)
from safeconduct.inspectors.documents.unpacking import Unpacked

_TINY: Final = 1.5
"""Points."""
_INVISIBLE: Final = frozenset({3, 7})
_SHOWS: Final = frozenset({b"Tj", b"TJ", b"'", b'"'})
_FILLS: Final = frozenset({b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*"})
_ENDS: Final = frozenset({b"n", b"S", b"s"})
_BANDS: Final = 64

SCANNED: Final = "text under a picture"
"""What is under a picture, or not painted where one is: so the text of a scan is kept."""


class Area(NamedTuple):
    """What was painted where: `colour` None for what nobody knows, such as a picture."""

    left: float
    bottom: float
    right: float
    top: float
    colour: Colour
    order: int
    opaque: bool
    picture: bool


class _Frame(NamedTuple):
    """A page, or a form that it paints: its resources, and where its own coordinates begin."""

    base: Matrix
    resources: DictionaryObject
    depth: int


class Shown(NamedTuple):
    """A text that a page paints: where, in which colour, and why it cannot be seen, if so."""

    order: int
    x: float
    y: float
    colour: Colour
    way: str


class Painting:
    """Follows the operators of one page, with the forms that they paint."""

    def __init__(
        self, unpacked: Unpacked, box: Matrix, resources: object, layers_off: frozenset[int]
    ) -> None:
        self._unpacked = unpacked
        self._box = box[:4]
        self._off = layers_off
        self._frames = [_Frame(UNIT, dictionary(resources), 0)]
        self._state: State = State()
        self._saved: list[State] = []
        self._marks: list[bool] = []
        self._path: list[tuple[float, float, float, float]] = []
        self._areas: list[list[Area]] = [[] for _ in range(_BANDS)]
        self._order = 0
        self.shown: list[Shown] = []

    def before(self, operator: object, operands: object, cm: object, tm: object) -> None:
        """An operator is about to be carried out (as pypdf tells its visitors)."""
        self._unpacked.element()
        self._order += 1
        given = cast("Sequence[object]", operands) if isinstance(operands, list) else ()
        name = cast("bytes", operator)
        matrix = times(matrix_of(cm), self._frames[-1].base)
        if name in _SHOWS:
            self._show(times(matrix_of(tm), matrix))
        elif name == b"Do":
            self._paint(given, matrix)
        elif name == b"re" and len(given) >= 4:
            x, y, width, height = (number_of(one) for one in given[:4])
            self._path.append(bounds(matrix, x, y, x + width, y + height))
        elif name in _FILLS:
            for box in self._path:
                self._area(box, self._state.fill, picture=False)
            self._path = []
        elif name in _ENDS:
            self._path = []
        elif name == b"sh":
            self._area(self._box, None, picture=True)
        else:
            self._change(name, given)

    def after(self, operator: object, operands: object, cm: object, tm: object) -> None:
        """An operator was carried out, with all of a form that it painted."""
        if operator == b"Do" and len(self._frames) > 1:
            self._frames.pop()

    def ways(self) -> dict[int, str]:
        """Which texts, by their number, cannot be seen, and why: now that all is painted."""
        return {
            number: way
            for number, shown in enumerate(self.shown)
            if (way := shown.way or self._by_ground(shown))
        }

    # --- text -----------------------------------------------------------------------------------

    def _show(self, matrix: Matrix) -> None:
        state = self._state
        x, y = matrix[4], matrix[5]
        height = (matrix[2] ** 2 + matrix[3] ** 2) ** 0.5 * abs(state.size)
        left, bottom, right, top = self._box
        way = ""
        if any(self._marks):
            way = "a layer that is off"
        elif state.mode in _INVISIBLE:
            way = "invisible letters"
        elif state.alpha < 0.05:
            way = "letters that show through"
        elif height < _TINY or state.stretch == 0.0:
            way = "tiny letters"
        elif not (left - height <= x <= right + 1 and bottom - height <= y <= top + 1):
            way = "beside the page"
        colour = state.fill if state.mode in {0, 4} else None
        self.shown.append(Shown(self._order, x, y + height / 4, colour, way))

    def _by_ground(self, shown: Shown) -> str:
        ground: Colour = WHITE
        for area in self._areas[self._band(shown.y)]:
            if area.left <= shown.x <= area.right and area.bottom <= shown.y <= area.top:
                if area.order < shown.order:
                    ground = area.colour
                elif area.opaque:
                    return SCANNED if area.picture else "painted over"
        alike = shown.colour is not None and ground is not None and is_alike(shown.colour, ground)
        return "letters in the colour of the ground" if alike else ""

    def is_on_picture(self, number: int) -> bool:
        """Whether a picture lies where a text is."""
        shown = self.shown[number]
        return any(
            area.picture
            and area.left <= shown.x <= area.right
            and area.bottom <= shown.y <= area.top
            for area in self._areas[self._band(shown.y)]
        )

    # --- what is painted ------------------------------------------------------------------------

    def _paint(self, given: Sequence[object], matrix: Matrix) -> None:
        objects = dictionary(self._frames[-1].resources.get("/XObject"))
        painted = dictionary(objects.get(cast("str", given[0]))) if given else DictionaryObject()
        if painted.get("/Subtype") == "/Image":
            self._area(bounds(matrix, 0.0, 0.0, 1.0, 1.0), None, picture=True)
        own = painted.get("/Matrix")
        inner = matrix_of(own.get_object()) if own is not None else UNIT
        resources = dictionary(painted.get("/Resources")) or self._frames[-1].resources
        self._frames.append(_Frame(times(inner, matrix), resources, len(self._saved)))

    def _area(self, box: Sequence[float], colour: Colour, *, picture: bool) -> None:
        opaque = self._state.alpha >= 0.99 and not self._state.blended
        if not opaque and not picture:
            colour = None
        left, bottom, right, top = box
        area = Area(left, bottom, right, top, colour, self._order, opaque, picture)
        for band in range(self._band(bottom), self._band(top) + 1):
            self._areas[band].append(area)

    def _band(self, y: float) -> int:
        bottom, top = self._box[1], self._box[3]
        band = (y - bottom) / max(top - bottom, 1.0) * _BANDS
        return int(min(max(band, 0.0), _BANDS - 1.0))

    # --- the state ------------------------------------------------------------------------------

    def _change(self, name: bytes, given: Sequence[object]) -> None:
        state = self._state
        match name:
            case b"q":
                self._saved.append(state)
                self._unpacked.element(0)
            case b"Q" if self._saved:
                self._state = self._saved.pop()
            case b"gs" if given:
                self._extended(cast("str", given[0]))
            case b"BMC":
                self._marks.append(False)
            case b"BDC":
                self._marks.append(self._is_off(given))
            case b"EMC" if self._marks:
                self._marks.pop()
            case _:
                self._state = state.changed(name, given)

    def _extended(self, name: str) -> None:
        states = dictionary(self._frames[-1].resources.get("/ExtGState"))
        extended = dictionary(states.get(name))
        if "/ca" in extended:
            self._state = self._state._replace(alpha=number_of(extended["/ca"]))
        if "/BM" in extended:
            blended = str(extended["/BM"]) not in {"/Normal", "/Compatible"}
            self._state = self._state._replace(blended=blended)

    def _is_off(self, given: Sequence[object]) -> bool:
        if len(given) < 2 or given[0] != "/OC" or not isinstance(given[1], NameObject):
            return False
        layers = dictionary(self._frames[-1].resources.get("/Properties"))
        if given[1] not in layers:
            return False
        named = layers.raw_get(given[1])
        members = dictionary(named).get("/OCGs")
        several = members.get_object() if members is not None else None
        layer = list(several) if isinstance(several, ArrayObject) else [named]
        numbers = [one.idnum for one in layer if isinstance(one, IndirectObject)]
        return bool(numbers) and all(number in self._off for number in numbers)


class Leaving:
    """A visitor that leaves out the texts that are not `wanted`, by their number."""

    def __init__(self, wanted: Callable[[int], bool]) -> None:
        self._wanted = wanted
        self._count = 0
        self._kept: list[list[object]] = []

    def before(self, operator: object, operands: object, cm: object, tm: object) -> None:
        if operator not in _SHOWS:
            return
        given = cast("list[object]", operands)
        self._kept.append(list(given))
        if not self._wanted(self._count) and given:
            given[-1] = ArrayObject() if operator == b"TJ" else TextStringObject("")
        self._count += 1

    def after(self, operator: object, operands: object, cm: object, tm: object) -> None:
        if operator in _SHOWS:
            cast("list[object]", operands)[:] = self._kept.pop()
