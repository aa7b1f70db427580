// Writes batches.json and murmur2.json with Apache Kafka's own encoder. How to run it: README.md.
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.StringJoiner;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.utils.Utils;

public class GoldenBatches {
  record Rec(long timestamp, byte[] key, byte[] value, Header... headers) {}

  record Stamp(long baseOffset, int leaderEpoch, long producerId, short producerEpoch, int baseSequence,
      boolean transactional, TimestampType type, long appendTime) {}

  static final Stamp PLAIN = new Stamp(0, -1, -1, (short) -1, -1, false, TimestampType.CREATE_TIME, -1);
  static final StringJoiner cases = new StringJoiner(",\n", "[\n", "\n]\n");

  public static void main(String[] args) throws Exception {
    byte[] empty = {};
    Rec simple = new Rec(1700000000000L, utf8("key"), utf8("value"), new RecordHeader("h", utf8("x")));
    add("example", Compression.NONE, PLAIN, List.of(simple));
    add("nulls-and-empties", Compression.NONE, PLAIN, List.of(
        new Rec(1, null, utf8("v")), new Rec(2, utf8("k"), null), new Rec(3, null, null),
        new Rec(4, empty, empty), new Rec(5, empty, null), new Rec(6, null, empty)));
    add("headers", Compression.NONE, PLAIN, List.of(
        new Rec(0, utf8("k"), utf8("v"), new RecordHeader("a", utf8("1")), new RecordHeader("b", (byte[]) null),
            new RecordHeader("a", utf8("2")), new RecordHeader("", empty), new RecordHeader("größe-粉", utf8("ä"))),
        new Rec(0, null, null, new RecordHeader("long", new byte[200]))));
    add("timestamps-in-any-order", Compression.NONE, PLAIN, List.of(
        new Rec(1700000000000L, null, utf8("a")), new Rec(1699999999999L, null, utf8("b")),
        new Rec(1800000000000L, null, utf8("c")), new Rec(0, null, utf8("d")),
        new Rec(9007199254740991L, null, utf8("e")), new Rec(1700000000063L, null, utf8("f")),
        new Rec(1700000000064L, null, utf8("g")), new Rec(1702147483647L, null, utf8("h")),
        new Rec(1702147483648L, null, utf8("i"))));
    add("idempotent", Compression.NONE,
        new Stamp(0, -1, 9007199254740991L, (short) 32767, 2147483647, false, TimestampType.CREATE_TIME, -1),
        List.of(simple, simple));
    add("stamped-by-a-leader", Compression.NONE,
        new Stamp(4294967296123L, 7, 4000, (short) 3, 12, false, TimestampType.CREATE_TIME, -1),
        List.of(simple, simple, simple));
    add("append-time", Compression.NONE,
        new Stamp(0, -1, -1, (short) -1, -1, false, TimestampType.LOG_APPEND_TIME, 1700000099999L),
        List.of(simple, new Rec(1700000000005L, null, utf8("later"))));
    add("transactional", Compression.NONE,
        new Stamp(0, -1, 5, (short) 0, 0, true, TimestampType.CREATE_TIME, -1), List.of(simple));
    control();
    add("several", Compression.NONE, PLAIN, formula(6));
    List<Rec> many = formula(40);
    add("many-gzip", Compression.gzip().build(), PLAIN, many);
    add("many-snappy", Compression.snappy().build(), PLAIN, many);
    add("many-lz4", Compression.lz4().build(), PLAIN, many);
    add("many-zstd", Compression.zstd().build(), PLAIN, many);
    for (CompressionType type : List.of(CompressionType.GZIP, CompressionType.SNAPPY, CompressionType.LZ4,
        CompressionType.ZSTD)) {
      add("example-" + type.name, Compression.of(type).build(), PLAIN, List.of(simple));
    }
    Files.writeString(Path.of("batches.json"), cases.toString());
    murmur2();
  }

  /** Lengths and deltas of one to three bytes; with 40, more than one block of Snappy (32 KiB) and LZ4 (64 KiB). */
  static List<Rec> formula(int repeatsBelow) {
    List<Rec> records = new ArrayList<>();
    for (int i = 0; i < 150; i++) {
      String value = (i + " the mill turns grain into flour ").repeat(i == 77 ? 300 : (i * 7) % repeatsBelow);
      records.add(new Rec(1700000000000L + i * 1000L, utf8("key-" + i % 13), utf8(value)));
    }
    return records;
  }

  static void add(String name, Compression compression, Stamp s, List<Rec> records) {
    ByteBuffer buffer = ByteBuffer.allocate(1 << 20);
    MemoryRecordsBuilder builder = MemoryRecords.builder(buffer, RecordBatch.MAGIC_VALUE_V2, compression, s.type,
        s.baseOffset, s.appendTime, s.producerId, s.producerEpoch, s.baseSequence, s.transactional, s.leaderEpoch);
    for (Rec r : records) builder.append(r.timestamp, r.key, r.value, r.headers);
    StringJoiner json = new StringJoiner(", ", "[", "]");
    for (Rec r : records) json.add(describe(r));
    write(name, builder.build(), name.startsWith("many") ? "40" : name.equals("several") ? "6" : json.toString());
  }

  static void control() {
    EndTransactionMarker marker = new EndTransactionMarker(ControlRecordType.COMMIT, 9);
    write("control", MemoryRecords.withEndTransactionMarker(40, 1700000000000L, 2, 5L, (short) 1, marker), "null");
  }

  static void write(String name, MemoryRecords memory, String records) {
    RecordBatch batch = memory.batches().iterator().next();
    ByteBuffer buffer = memory.buffer();
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    cases.add("{\"name\": \"%s\", \"compression\": \"%s\", \"timestampType\": \"%s\", \"baseOffset\": %d, ".formatted(
            name, batch.compressionType().name, batch.timestampType().name, batch.baseOffset())
        + "\"leaderEpoch\": %d, \"crc\": %d, \"lastOffset\": %d, \"maxTimestampMs\": %d, ".formatted(
            batch.partitionLeaderEpoch(), batch.checksum(), batch.lastOffset(), batch.maxTimestamp())
        + "\"producerId\": %d, \"producerEpoch\": %d, \"baseSequence\": %d, \"recordCount\": %d, ".formatted(
            batch.producerId(), batch.producerEpoch(), batch.baseSequence(), batch.countOrNull())
        + "\"isTransactional\": %b, \"isControl\": %b,\n \"records\": %s,\n \"bytes\": \"%s\"}".formatted(
            batch.isTransactional(), batch.isControlBatch(), records, HexFormat.of().formatHex(bytes)));
  }

  static String describe(Rec r) {
    StringJoiner headers = new StringJoiner(", ", "[", "]");
    for (Header h : r.headers) {
      headers.add("{\"key\": \"%s\", \"value\": %s}".formatted(h.key(), hex(h.value())));
    }
    return "{\"timestampMs\": %d, \"key\": %s, \"value\": %s, \"headers\": %s}".formatted(
        r.timestamp, hex(r.key), hex(r.value), headers);
  }

  static void murmur2() throws Exception {
    StringJoiner rows = new StringJoiner(",\n", "[\n", "\n]\n");
    List<byte[]> keys = new ArrayList<>();
    for (String text : List.of("21", "foobar", "a-little-bit-long-string", "a-little-bit-longer-string",
        "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", "abc", "ATL", "größe", "粉")) keys.add(utf8(text));
    for (int length = 0; length <= 24; length++) {
      byte[] key = new byte[length];
      for (int i = 0; i < length; i++) key[i] = (byte) (length * 31 + i * 157);
      keys.add(key);
    }
    for (byte[] key : keys) {
      rows.add("{\"key\": %s, \"murmur2\": %d, \"of6\": %d, \"of1000\": %d}".formatted(hex(key), Utils.murmur2(key),
          BuiltInPartitioner.partitionForKey(key, 6), BuiltInPartitioner.partitionForKey(key, 1000)));
    }
    Files.writeString(Path.of("murmur2.json"), rows.toString());
  }

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static String hex(byte[] bytes) {
    return bytes == null ? "null" : "\"" + HexFormat.of().formatHex(bytes) + "\"";
  }
}
