package millrace.benchmark;

import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;

/** The peer of benchmarks/engine/topologies/stream-table-join.ts. */
final class StreamTableJoin {
  record Factor(String id, long factor) {}

  private StreamTableJoin() {}

  static StreamsBuilder topology(String input, String table, String output) {
    StreamsBuilder builder = new StreamsBuilder();
    KTable<String, Factor> factors = builder.table(table, Consumed.with(Serdes.String(), Json.serde(Factor.class)),
        Materialized.<String, Factor, KeyValueStore<Bytes, byte[]>>as("factors").withCachingDisabled());
    builder.stream(input, Consumed.with(Serdes.String(), Json.serde(Event.class)))
        .join(factors, (event, factor) -> new Result(event.seq(), event.tenant(), event.pages() * factor.factor()),
            Joined.with(Serdes.String(), Json.serde(Event.class), Json.serde(Factor.class)))
        .to(output, Produced.with(Serdes.String(), Json.serde(Result.class)));
    return builder;
  }
}
