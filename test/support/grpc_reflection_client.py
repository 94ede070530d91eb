"""What Python's gRPC can do with a server on a Unix socket that it has no definitions of.

Asks the server for its services, then calls FetchSecrets by messages made of what the server told. Prints one JSON object:
  {"services": [...], "methods": {"Name": ["client streams", "server streams"]}, "secret": {...}}
"""

import json
import sys

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SERVICE = "envoy.service.secret.v3.SecretDiscoveryService"


def message(pool, name):
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def main():
    path, resource = sys.argv[1], sys.argv[2]
    with grpc.insecure_channel(f"unix:{path}") as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = descriptor_pool.DescriptorPool(database)
        service = pool.FindServiceByName(SERVICE)
        fetch = service.FindMethodByName("FetchSecrets")
        request = message(pool, fetch.input_type.full_name)(resource_names=[resource])
        response = channel.unary_unary(
            f"/{SERVICE}/FetchSecrets",
            lambda one: one.SerializeToString(),
            message(pool, fetch.output_type.full_name).FromString,
        )(request, timeout=10)
        held = response.resources[0]
        secret = message(pool, held.type_url.split("/")[-1]).FromString(held.value)
        print(
            json.dumps(
                {
                    "services": list(database.get_services()),
                    "methods": {m.name: [m.client_streaming, m.server_streaming] for m in service.methods},
                    "secret": json_format.MessageToDict(secret),
                }
            )
        )


main()
