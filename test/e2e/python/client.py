"""Produces and fetches records with nothing but gRPC: python3 client.py HOST:PORT TOPIC

Needs grpcio and grpcio-reflection. No generated code: the broker itself tells its API through reflection."""
import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

endpoint, topic = sys.argv[1:]
channel = grpc.insecure_channel(endpoint)
schema = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))


def call(service, method, **fields):
    """Calls one RPC with the fields of its request and returns its response."""
    rpc = schema.FindServiceByName(f"millrace.v1.{service}").methods_by_name[method]
    request, response = GetMessageClass(rpc.input_type), GetMessageClass(rpc.output_type)
    send = channel.unary_unary(
        f"/millrace.v1.{service}/{method}", request.SerializeToString, response.FromString
    )
    return send(request(**fields), timeout=10)


call("TopicService", "CreateTopic", name=topic, partition_count=1)

rivers = [
    {"key": b"Elbe", "value": b"1094 km", "headers": [{"key": "country", "value": b"CZ"}]},
    {"key": b"Rhine", "value": b"1233 km"},
    {"key": b"Elbe", "value": None},  # a null value: a tombstone
]
receipt = call("LogService", "Produce", topic=topic, partition=0, records={"records": rivers}).receipt
durability = schema.FindEnumTypeByName("millrace.v1.Durability").values_by_number[receipt.durability].name
print(f"appended {receipt.record_count} records at offset {receipt.base_offset}: {durability}")

position = {"topic": topic, "partition": 0, "offset": receipt.base_offset}
[part] = call("LogService", "Fetch", positions=[position], max_wait_ms=1000).partitions
for record in part.records:
    value = record.value.decode() if record.HasField("value") else "(null)"
    headers = {header.key: header.value.decode() for header in record.headers}
    print(record.offset, record.key.decode(), value, headers)

try:
    call("LogService", "Produce", topic="no-such-topic", partition=0, records={"records": rivers})
except grpc.RpcError as error:
    print(error.code().name, error.details())
