package millrace.benchmark;

import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

/** The peer of benchmarks/engine/topologies/async-10ms.ts: Kafka Streams has no other way than to wait. */
final class BlockingCall {
  private static final long CALL_MS = 10;

  private BlockingCall() {}

  static Topology topology(String input, String output) {
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(input, Consumed.with(Serdes.String(), Json.serde(Event.class)))
        .mapValues(event -> {
          try {
            Thread.sleep(CALL_MS);
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
          return new Result(event.seq(), event.tenant(), event.pages() * 2L);
        })
        .to(output, Produced.with(Serdes.String(), Json.serde(Result.class)));
    return builder.build();
  }
}
