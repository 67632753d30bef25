package millrace.benchmark;

import java.util.Map;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** The peer of benchmarks/engine/topologies/keyed-rmw.ts. No record cache on the store: with uniform keys it costs more than it saves. */
final class KeyedRmw {
  private static final String STORE = "documents";

  /** What is kept per key and written for every record. */
  record State(long count, long pages, long last, long at) {}

  private static final class ReadModifyWrite implements Processor<String, Event, String, State> {
    private ProcessorContext<String, State> context;
    private KeyValueStore<String, State> store;

    @Override
    public void init(ProcessorContext<String, State> context) {
      this.context = context;
      this.store = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<String, Event> record) {
      Event event = record.value();
      State before = store.get(record.key());
      State state = before == null
          ? new State(1, event.pages(), event.seq(), event.at())
          : new State(before.count() + 1, before.pages() + event.pages(), event.seq(), event.at());
      store.put(record.key(), state);
      context.forward(record.withValue(state));
    }
  }

  static Topology topology(String input, String output) {
    Serde<State> states = Json.serde(State.class);
    StreamsBuilder builder = new StreamsBuilder();
    builder.addStateStore(
        Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STORE), Serdes.String(), states)
            .withLoggingEnabled(Map.of())
            .withCachingDisabled());
    builder.stream(input, Consumed.with(Serdes.String(), Json.serde(Event.class)))
        .process(ReadModifyWrite::new, STORE)
        .to(output, Produced.with(Serdes.String(), states));
    return builder.build();
  }
}
