"""A server of gRPC's C core with TLS on behalf of a test: prints its port, and serves until its stdin ends.

Arguments: the files of certificate and key. Methods of /test.Echo, bytes in and bytes out:
  Echo answers what it got; Fail answers PERMISSION_DENIED with what it got as its text; Hang answers nothing, prints
  "hangs" when it is called and "cancelled" when its caller has given up.
"""

import sys
import threading
from concurrent import futures

import grpc


def same(message):
    return message


def echo(request, context):
    context.set_trailing_metadata((("seen", "x" * 100),))
    return request


def fail(request, context):
    context.abort(grpc.StatusCode.PERMISSION_DENIED, request.decode())


def hang(_request, context):
    ended = threading.Event()
    context.add_callback(ended.set)
    print("hangs", flush=True)
    ended.wait()
    print("cancelled", flush=True)
    return b""


def main():
    certificate, key = (open(path, "rb").read() for path in sys.argv[1:3])
    unlimited = (("grpc.max_receive_message_length", -1),)
    server = grpc.server(futures.ThreadPoolExecutor(8), options=unlimited)
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(behaviour, same, same)
        for name, behaviour in (("Echo", echo), ("Fail", fail), ("Hang", hang))
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None)


main()
