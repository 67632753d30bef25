package millrace.benchmark;

import java.time.Duration;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.WindowStore;

/** The peer of benchmarks/engine/topologies/rekey-window-count.ts. No record cache: every update is written, as there. */
final class RekeyWindowCount {
  private static final Duration WINDOW = Duration.ofSeconds(10);
  private static final Duration GRACE = Duration.ofDays(1);

  record Count(long result) {}

  private RekeyWindowCount() {}

  static Topology topology(String input, String output) {
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(input, Consumed.with(Serdes.String(), Json.serde(Event.class)))
        .map((key, event) -> KeyValue.pair(event.tenant() + "|" + event.type(), event.seq()))
        .groupByKey(Grouped.with("by-tenant-and-type", Serdes.String(), Serdes.Long()))
        .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE))
        .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("per-window").withCachingDisabled())
        .toStream()
        .map((key, count) -> KeyValue.pair(key.key() + "@" + key.window().start(), new Count(count)))
        .to(output, Produced.with(Serdes.String(), Json.serde(Count.class)));
    return builder.build();
  }
}
