"""A channel of Python's gRPC to a Citadel that stays open: asks for a certificate with each token that a line of input names.

Each line is one JSON object {"token": "...", "csr": "..."}; after each call prints the name of its status.
"""

import json
import sys

import grpc


def field(number, text):
    data = text.encode()
    length = bytes([len(data) & 0x7F | 0x80, len(data) >> 7]) if len(data) > 127 else bytes([len(data)])
    return bytes([number << 3 | 2]) + length + data


def main():
    address, root = sys.argv[1:]
    with open(root, "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    options = [("grpc.ssl_target_name_override", "istiod.istio-system.svc")]
    with grpc.secure_channel(address, credentials, options) as channel:
        create = channel.unary_unary("/istio.v1.auth.IstioCertificateService/CreateCertificate")
        for line in sys.stdin:
            call = json.loads(line)
            metadata = [("authorization", f"Bearer {call['token']}"), ("clusterid", "Kubernetes")]
            try:
                create(field(1, call["csr"]), timeout=10, metadata=metadata)
                print("OK", flush=True)
            except grpc.RpcError as error:
                print(error.code().name, flush=True)


main()
