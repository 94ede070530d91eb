"""Reads messages from stdin, a line of hexadecimal digits each, and says of each whether Google's library parses it.

Every field is unknown to the message, so what is judged is the wire format alone.
"""
import sys

from google.protobuf import empty_pb2
from google.protobuf.message import DecodeError

for line in sys.stdin:
    try:
        empty_pb2.Empty().ParseFromString(bytes.fromhex(line))
        print("read")
    except DecodeError:
        print("refused")
