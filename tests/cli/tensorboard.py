"""Reads TensorBoard's event files: `tensorboard.py DIR` prints what is in each folder as JSON, once all checksums are right.

Written from the format's description: a file is a row of records, each an eight-byte length, the masked CRC-32C of these eight
bytes, as many bytes of a protobuf message, and their masked CRC-32C. Needs Python alone.
"""

import json
import math
import os
import struct
import sys


def table():
    """CRC-32C of each byte, with the polynomial of Castagnoli, reflected."""
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        yield value


TABLE = list(table())


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283, "the check value that is published for CRC-32C"


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    at = 0
    while at < len(data):
        length, check = struct.unpack_from("<QI", data, at)
        assert masked(data[at : at + 8]) == check, f"the checksum of the length at {at}"
        body = data[at + 12 : at + 12 + length]
        (check,) = struct.unpack_from("<I", data, at + 12 + length)
        assert masked(body) == check, f"the checksum of the record at {at}"
        yield body
        at += 16 + length


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """A message's fields by number: integers, floats and bytes."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 1:
            (value,), at = struct.unpack_from("<d", data, at), at + 8
        elif key & 7 == 5:
            (value,), at = struct.unpack_from("<f", data, at), at + 4
        else:
            assert key & 7 == 2, f"wire type {key & 7}"
            length, at = varint(data, at)
            value, at = data[at : at + length], at + length
        found.setdefault(key >> 3, []).append(value)
    return found


def session(metadata):
    """What the plugin `hparams` is told: of its start the parameters and the time, of its end the status and the time."""
    (plugin,) = fields(metadata)[1]
    plugin = fields(plugin)
    assert plugin[1] == [b"hparams"]
    ((number, (message,)),) = fields(plugin[2][0]).items()
    message = fields(message)
    if number == 4:
        return {"status": message.get(1, [0])[0], "ended": message.get(2, [0])[0]}
    assert number == 3
    parameters = {}
    for entry in map(fields, message[1]):
        ((kind, (value,)),) = fields(entry[2][0]).items()
        parameters[entry[1][0].decode()] = {2: lambda: value, 3: lambda: value.decode()}[kind]()
    return {"parameters": parameters, "started": message.get(5, [0])[0]}


def run(path):
    with open(path, "rb") as file:
        events = [fields(record) for record in records(file.read())]
    assert events[0][3] == [b"brain.Event:2"]
    found = {"points": [], "times": sorted({event[1][0] for event in events})}
    for event in events[1:]:
        (value,) = fields(event[5][0])[1]
        value = fields(value)
        tag = value[1][0].decode()
        if 9 in value:
            assert tag.startswith("_hparams_/") and 8 in value
            found.update(session(value[9][0]))
        else:
            number = value[2][0]
            found["points"].append([tag, event.get(2, [0])[0], None if math.isnan(number) else number])
    return found


runs = {}
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        assert name == "events.out.tfevents.sweep", name
        runs[os.path.relpath(folder, sys.argv[1])] = run(os.path.join(folder, name))
print(json.dumps(runs, allow_nan=False))
