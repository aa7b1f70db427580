"""Reads a topic with a consumer group until it has caught up, and leaves: consume.py HOST:PORT GROUP TOPIC"""
import queue, sys
import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

endpoint, group, topic = sys.argv[1:]
channel = grpc.insecure_channel(endpoint)
method = DescriptorPool(ProtoReflectionDescriptorDatabase(channel)).FindMethodByName("millrace.v1.GroupService.Consume")
Request, Response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
consume = channel.stream_stream("/millrace.v1.GroupService/Consume", Request.SerializeToString, Response.FromString)
commands, behind = queue.Queue(), set()
send = lambda **command: commands.put(Request(**command))
send(join={"member": {"group": group, "subscription": {"topics": [topic]}}})
send(credit={"records": 1000, "bytes": 1_000_000})
for event in consume(iter(commands.get, None)):
    if event.HasField("failure"): sys.exit(event.failure.error.message)
    if event.HasField("assigned"):
        behind.update((place.topic, place.partition) for place in event.assigned.partitions)
    elif event.HasField("revoked"):
        send(release={"partitions": event.revoked.partitions})
    elif event.HasField("delivery"):
        read = event.delivery
        for record in read.records: print(read.partition, record.offset, record.value.decode())
        send(commit={"offsets": [{"topic": read.topic, "partition": read.partition, "offset": read.next_offset}]})
        send(credit={"records": read.charged_records, "bytes": read.charged_bytes})
    elif event.HasField("caught_up"):
        behind.discard((event.caught_up.topic, event.caught_up.partition))
        if not behind: send(leave={})
