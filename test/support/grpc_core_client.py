"""Calls of gRPC's C core on behalf of a test: commands on stdin, events on stdout, one JSON object per line.

Messages are bytes in base64: what they mean is the test's, this is the transport. Commands:
  {"do": "call", "id": 1, "method": "/package.Service/Method", "metadata": {...}, "timeout": 5, "gzip": false}
  {"do": "send", "id": 1, "message": "..."}
  {"do": "halfClose", "id": 1}
Events: {"id": 1, "message": "..."} and at last {"id": 1, "code": "OK", "details": "..."}.
"""

import base64
import json
import queue
import sys
import threading

import grpc

END = object()


def same(message):
    return message


def tell(lock, event):
    with lock:
        print(json.dumps(event), flush=True)


def channel_to(path, token):
    """With a token the way of Envoy's google_grpc: local channel credentials, and call credentials on top."""
    target = f"unix:{path}"
    if not token:
        return grpc.insecure_channel(target)
    local = grpc.local_channel_credentials(grpc.LocalConnectionType.UDS)
    call = grpc.access_token_call_credentials(token)
    return grpc.secure_channel(target, grpc.composite_channel_credentials(local, call))


class Call:
    """One call, bidirectional for gRPC whatever its method is: a unary one sends one message and gets at most one."""

    def __init__(self, channel, lock, command):
        self.requests = queue.Queue()
        method = channel.stream_stream(command["method"], same, same)
        compression = grpc.Compression.Gzip if command.get("gzip") else None
        self.call = method(
            iter(self.requests.get, END),
            timeout=command.get("timeout"),
            metadata=list(command.get("metadata", {}).items()),
            compression=compression,
        )
        threading.Thread(target=self.read, args=(lock, command["id"]), daemon=True).start()

    def read(self, lock, number):
        try:
            for message in self.call:
                tell(lock, {"id": number, "message": base64.b64encode(message).decode()})
        except grpc.RpcError:
            pass
        tell(lock, {"id": number, "code": self.call.code().name, "details": self.call.details()})
        self.requests.put(END)


def main():
    path, token = sys.argv[1], sys.argv[2]
    lock = threading.Lock()
    calls = {}
    with channel_to(path, token) as channel:
        for line in sys.stdin:
            command = json.loads(line)
            if command["do"] == "call":
                calls[command["id"]] = Call(channel, lock, command)
                continue
            call = calls[command["id"]]
            if command["do"] == "send":
                call.requests.put(base64.b64decode(command["message"]))
            else:
                call.requests.put(END)


main()
