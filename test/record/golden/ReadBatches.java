// Reads record batches as hexadecimal lines and prints their records: Kafka's view of what Millrace encodes.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.utils.Utils;

public class ReadBatches {
  public static void main(String[] args) throws Exception {
    var lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = lines.readLine()) != null; ) {
      var batch = MemoryRecords.readableRecords(ByteBuffer.wrap(HexFormat.of().parseHex(line))).batches().iterator().next();
      batch.ensureValid();
      System.out.printf("batch %s %d %d %d %d%n", batch.compressionType().name, batch.producerId(),
          batch.producerEpoch(), batch.baseSequence(), batch.countOrNull());
      for (var record : batch) {
        var text = new StringBuilder("%d %d %s %s".formatted(record.offset(), record.timestamp(), hex(record.key()),
            hex(record.value())));
        for (Header h : record.headers()) {
          text.append(" ").append(HexFormat.of().formatHex(h.key().getBytes("UTF-8"))).append("=").append(hex(ByteBuffer.wrap(h.value() == null ? new byte[0] : h.value())));
          if (h.value() == null) text.append("null");
        }
        System.out.println(text);
      }
    }
  }

  static String hex(ByteBuffer buffer) {
    return buffer == null ? "null" : HexFormat.of().formatHex(Utils.toArray(buffer));
  }
}
