"""Between protobuf messages and our frozen dataclasses, field by field, by equal names."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import IntEnum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from google.protobuf.message import DecodeError, Message

from agent.proto.errors import MessageInvalid

T = TypeVar("T")
M = TypeVar("M", bound=Message)

# Every message class differs: Any stands for "a field of the type that the schema gives it".


def fill(message: M, value: object) -> M:
    """Copy a dataclass into a message whose fields have the same names; return the message.

    Raises MessageInvalid for a value that its field cannot hold: a number out of range, text that is no Unicode.
    """
    try:
        return _fill(message, value)
    except (ValueError, TypeError) as error:
        # The library's message quotes the value, which may be personal data: its type must do.
        raise MessageInvalid(f"{message.DESCRIPTOR.name}: {type(error).__name__}") from None


def fill_one(message: Message, kinds: Mapping[str, type[object]], value: object) -> bytes:
    """Serialise a value as that member of the message's one-of which is of its kind; raise MessageInvalid."""
    member = getattr(message, next(name for name, kind in kinds.items() if isinstance(value, kind)))
    fill(member, value)
    member.SetInParent()
    return message.SerializeToString()


def read_one(message: Message, kinds: Mapping[str, type[T]]) -> T:
    """Return the member of the one-of that is set; raise MessageInvalid when none is."""
    which = message.WhichOneof("message")
    if which is None:
        raise MessageInvalid(f"{message.DESCRIPTOR.name} is empty")
    return read(getattr(message, which), kinds[which])


def _fill(message: M, value: object) -> M:
    for field in fields(cast(Any, value)):
        content = getattr(value, field.name)
        if content is None:
            continue
        if is_dataclass(content):
            target = getattr(message, field.name)
            target.SetInParent()
            _fill(target, content)
        elif isinstance(content, Mapping):
            getattr(message, field.name).update(content)
        elif isinstance(content, tuple):
            _fill_repeated(getattr(message, field.name), content)
        else:
            setattr(message, field.name, content)
    return message


def _fill_repeated(target: Any, items: tuple[object, ...]) -> None:
    for item in items:
        if is_dataclass(item):
            _fill(target.add(), item)
        else:
            target.append(item)


def read(message: Message, kind: type[T]) -> T:
    """Copy a message into a dataclass of equal field names; raise MessageInvalid for what is missing or unknown."""
    hints = _hints(cast(type, kind))
    return kind(
        **{field.name: _read_field(message, field.name, hints[field.name]) for field in fields(cast(Any, kind))}
    )


@cache
def _hints(kind: type) -> dict[str, Any]:
    """Return the field types; evaluating them costs more than reading a message."""
    return get_type_hints(kind)


def _read_field(message: Message, name: str, hint: Any) -> object:
    optional = get_origin(hint) in (Union, types.UnionType)
    if optional:
        hint = get_args(hint)[0]
        if not message.HasField(name):
            return None
    content = getattr(message, name)
    where = f"{message.DESCRIPTOR.name}.{name}"
    if is_dataclass(hint):
        if not message.HasField(name):
            raise MessageInvalid(f"{where} is missing")
        return read(content, cast(type, hint))
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        return tuple(read(one, cast(type, item)) if is_dataclass(item) else one for one in content)
    if get_origin(hint) is not None:
        return dict(content)
    if issubclass(hint, IntEnum):
        return _enum(hint, content, where)
    return content


def _enum(kind: type[IntEnum], number: int, where: str) -> IntEnum:
    try:
        return kind(number)
    except ValueError as error:
        raise MessageInvalid(f"{where} is {number}") from error


def parse(data: bytes, message: M, limit: int) -> M:
    """Parse bytes into a message; raise MessageInvalid when they are too many or do not parse."""
    name = message.DESCRIPTOR.name
    if len(data) > limit:
        raise MessageInvalid(f"{name}: {len(data)} bytes, {limit} allowed")
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise MessageInvalid(f"{name} does not parse") from error
    return message
