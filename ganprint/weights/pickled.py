"""Read a pickle as data: nothing in it is imported, built or called."""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

MAX_OPERATIONS = 1_000_000
"""Bounds time and memory; a Lightning checkpoint of a ResNet-50 with Adam's state takes some 50,000."""

MAX_RANK = 8

MAX_NAME = 200
"""Characters of a class or function, or of its module: a long one would be copied by each operation that names it."""

STORAGE_TYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
"""torch's storage classes and the dtypes they hold, by name."""


class MalformedPickleError(Exception):
    """The bytes are not a pickle, or not one that a checkpoint contains; the message is a clause."""


class ForbiddenNameError(Exception):
    """The pickle names a class or function that no checkpoint needs; the message is that name."""


@dataclass(frozen=True)
class Name:
    """A class or function that the pickle names; it is never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True)
class StoredBytes:
    """`count` elements kept elsewhere in the checkpoint under `key`."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class StoredTensor:
    """A view of stored bytes; offset and strides in elements."""

    source: StoredBytes
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass
class Attributes:
    """The attributes of an argparse.Namespace."""

    values: dict[Any, Any] = field(default_factory=dict)


class Unread:
    """Something harmless that is of no use here, such as a NumPy scalar."""


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 48


def _tensor(arguments: tuple[Any, ...]) -> StoredTensor:
    source, offset, shape, stride = arguments[:4]
    fits = isinstance(source, StoredBytes) and len(shape) == len(stride) <= MAX_RANK
    if not fits or not all(map(_is_size, (offset, *shape, *stride))):
        raise MalformedPickleError("a tensor in it is malformed")
    return StoredTensor(source, offset, tuple(shape), tuple(stride))


_BUILDERS: dict[str, Callable[[tuple[Any, ...]], Any]] = {
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": lambda arguments: arguments[0],
    # torch fills dicts item by item afterwards; copying initial contents here could be asked for without end.
    "collections.OrderedDict": lambda arguments: {},
    "pytorch_lightning.utilities.parsing.AttributeDict": lambda arguments: {},
    "argparse.Namespace": lambda arguments: Attributes(),
    **dict.fromkeys(("torch.Size", "torch.device"), lambda arguments: Unread()),
    **dict.fromkeys(("numpy.core.multiarray.scalar", "numpy.dtype", "_codecs.encode"), lambda arguments: Unread()),
}
_LABELS = {f"torch.{name}" for name in STORAGE_TYPES}
_LABEL_PREFIX = "pytorch_lightning.callbacks."
"""Lightning 1.4 keys the states of callbacks by their classes: kept as labels, refused where called."""

# Protocols 2, which torch.save writes, to 4; the text operations of older ones are not read.
_VALUES = {
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_SET": set}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_pickle(file: BinaryIO) -> Any:
    """Return a pickle as dicts, lists, tuples, sets, plain values and this module's records.

    Raises ForbiddenNameError where it names what a checkpoint has no need of, and MalformedPickleError where it is not
    a pickle, ends early, or takes too many operations.
    """
    machine = _Machine()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if count == MAX_OPERATIONS:
                raise MalformedPickleError("it takes too many operations")
            if opcode.name == "STOP":
                return machine.stack.pop()
            machine.apply(opcode.name, argument)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as cause:
        raise MalformedPickleError(" ".join(str(cause).split())[:200] or "it is malformed") from cause
    raise MalformedPickleError("it ends early")


class _Machine:
    """The stack and memo of a pickle, and what its operations do to them."""

    def __init__(self) -> None:
        self._stored: dict[str, StoredBytes] = {}
        self.stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def apply(self, opcode: str, argument: Any) -> None:
        stack = self.stack
        if opcode in _VALUES:
            stack.append(argument)
        elif opcode in _CONSTANTS:
            stack.append(_CONSTANTS[opcode])
        elif opcode in _EMPTY:
            stack.append(_EMPTY[opcode]())
        elif opcode in _TUPLES:
            stack.append(tuple([stack.pop() for _ in range(_TUPLES[opcode])][::-1]))
        else:
            self._act(opcode, argument)

    def _act(self, opcode: str, argument: Any) -> None:
        match opcode:
            case "PROTO" | "FRAME":
                pass
            case "MARK":
                self._marks.append(self.stack)
                self.stack = []
            case "POP":
                self.stack.pop()
            case "TUPLE":
                items = self._pop_to_mark()
                self.stack.append(tuple(items))
            case "APPEND":
                item = self.stack.pop()
                self._extend([item])
            case "APPENDS" | "ADDITEMS":
                self._extend(self._pop_to_mark())
            case "SETITEM":
                value, key = self.stack.pop(), self.stack.pop()
                self._set_items([key, value])
            case "SETITEMS":
                self._set_items(self._pop_to_mark())
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = self.stack[-1]
            case "MEMOIZE":
                self._memo[len(self._memo)] = self.stack[-1]
            case "BINGET" | "LONG_BINGET":
                self.stack.append(self._memo[argument])
            case "GLOBAL":
                module, _, name = argument.partition(" ")
                self.stack.append(_checked_name(module, name))
            case "STACK_GLOBAL":
                name, module = self.stack.pop(), self.stack.pop()
                self.stack.append(_checked_name(module, name))
            case "REDUCE" | "NEWOBJ":
                arguments, name = self.stack.pop(), self.stack.pop()
                self.stack.append(_made(name, arguments))
            case "BUILD":
                self._set_state(self.stack.pop())
            case "BINPERSID":
                self.stack.append(self._stored_bytes(self.stack.pop()))
            case _:
                raise MalformedPickleError(f"it uses {opcode}, which no checkpoint does")

    def _stored_bytes(self, identifier: Any) -> StoredBytes:
        kind, storage, key, _, count = identifier[:5]
        is_view = len(identifier) > 5 and identifier[5] is not None
        if kind != "storage" or type(key) is not str or not _is_size(count):
            raise MalformedPickleError("a reference to tensor data in it is malformed")
        if is_view or not isinstance(storage, Name) or str(storage) not in _LABELS:
            raise MalformedPickleError("it keeps tensors in a way that is not read here")
        stored = StoredBytes(key, STORAGE_TYPES[storage.name], count)
        if self._stored.setdefault(key, stored) != stored:
            raise MalformedPickleError("it describes the same tensor data in two ways")
        return stored

    def _pop_to_mark(self) -> list[Any]:
        items = self.stack
        self.stack = self._marks.pop()
        return items

    def _extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is set:
            target.update(item for item in items if _is_plain(item))
        elif type(target) is list:
            target.extend(items)
        else:
            raise MalformedPickleError("it appends to what is not a list")

    def _set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        keys, values = items[::2], items[1::2]
        if type(target) is not dict or not all(map(_is_plain, keys)):
            raise MalformedPickleError("it sets items of what is not a plain dict")
        target.update(zip(keys, values, strict=True))

    def _set_state(self, state: Any) -> None:
        target = self.stack[-1]
        if isinstance(target, Attributes) and type(state) is dict:
            target.values = state
        elif type(target) is not dict and not isinstance(target, Unread):
            raise MalformedPickleError("it sets the state of what has none")


def _is_plain(key: object) -> bool:
    # Hashing nested tuples recurses in C without a limit; a number of a million digits is hashed anew each time.
    if type(key) is int:
        return key.bit_length() <= 64
    return key is None or type(key) in (str, bytes, float, bool, Name)


def _checked_name(module: Any, name: Any) -> Name:
    if type(module) is not str or type(name) is not str:
        raise MalformedPickleError("it names a function by what is not text")
    if max(len(module), len(name)) > MAX_NAME:
        raise ForbiddenNameError(printable(name))
    found = Name(module, name)
    full = str(found)
    if full not in _BUILDERS and full not in _LABELS and not full.startswith(_LABEL_PREFIX):
        raise ForbiddenNameError(printable(full))
    return found


def _made(name: Any, arguments: Any) -> Any:
    if not isinstance(name, Name) or type(arguments) is not tuple:
        raise MalformedPickleError("it calls what is not a function")
    if str(name) not in _BUILDERS:
        raise ForbiddenNameError(printable(str(name)))
    return _BUILDERS[str(name)](arguments)


def printable(text: str) -> str:
    """Return at most 200 characters of untrusted text, escaped where a terminal would act on them."""
    short = text[:200]
    return short if short.isprintable() else ascii(short)
