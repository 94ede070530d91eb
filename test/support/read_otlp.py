"""Reads requests of OTLP by the official messages: base64 in, a line each; JSON out."""

import base64
import json
import sys

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

answers = []
for line in sys.stdin:
    body = base64.b64decode(line)
    request = ExportTraceServiceRequest.FromString(body)
    shown = MessageToDict(request)
    request.DiscardUnknownFields()
    answers.append({"request": shown, "hasUnknownFields": request.ByteSize() != len(body)})
json.dump(answers, sys.stdout)
