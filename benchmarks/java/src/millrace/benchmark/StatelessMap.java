package millrace.benchmark;

import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

/** The peer of benchmarks/engine/topologies/stateless-map.ts. */
final class StatelessMap {
  private StatelessMap() {}

  static Topology topology(String input, String output) {
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(input, Consumed.with(Serdes.String(), Json.serde(Event.class)))
        .mapValues(event -> new Result(event.seq(), event.tenant(), event.pages() * 2L))
        .to(output, Produced.with(Serdes.String(), Json.serde(Result.class)));
    return builder.build();
  }
}
