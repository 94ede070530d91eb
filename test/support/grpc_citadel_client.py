"""What Python's gRPC can do with a Citadel that it has no definitions of.

Asks for its services, their health, and a certificate, by messages made of what the server told. Prints one JSON object:
  {"services": [...], "methods": [...], "health": {...}, "certificate": [...]}
"""

import json
import sys

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def call(channel, pool, service, name, fields, metadata=()):
    method = pool.FindServiceByName(service).FindMethodByName(name)

    def message(described):
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(described.full_name))

    answer = channel.unary_unary(
        f"/{service}/{name}",
        lambda one: one.SerializeToString(),
        message(method.output_type).FromString,
    )(json_format.ParseDict(fields, message(method.input_type)()), timeout=10, metadata=metadata)
    return json_format.MessageToDict(answer)


def main():
    address, root, token, csr = sys.argv[1:]
    with open(root, "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    options = [("grpc.ssl_target_name_override", "istiod.istio-system.svc")]
    with grpc.secure_channel(address, credentials, options) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = descriptor_pool.DescriptorPool(database)
        services = list(database.get_services())
        methods = [f"{one}/{m.name}" for one in services for m in pool.FindServiceByName(one).methods]
        health = call(channel, pool, "grpc.health.v1.Health", "List", {})
        fields = {"csr": csr, "metadata": {"CertSigner": ""}}
        service = "istio.v1.auth.IstioCertificateService"
        metadata = [("authorization", f"Bearer {token}")]
        answer = call(channel, pool, service, "CreateCertificate", fields, metadata)
        print(
            json.dumps(
                {"services": services, "methods": methods, "health": health, "certificate": answer["certChain"]}
            )
        )


main()
