package millrace.benchmark;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Keyed read-modify-write in Kafka Streams: the peer of benchmarks/engine/rmw-topology.ts. Defaults of Kafka Streams and
 * RocksDB throughout, with exactly_once_v2 (commits every 100 ms) and no record cache on the store.
 */
public final class KeyedRmw {
  private static final String STORE = "documents";

  /** The input, field by field, as benchmarks/engine/events.ts writes it. */
  public record Event(
      String id, long seq, long at, String tenant, String type, int pages, String currency, double total, String language,
      String sha256, String note) {}

  /** What is kept per key and written for every record. */
  public record State(long count, long pages, long last, long at) {}

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

  private static <T> Serde<T> json(ObjectMapper mapper, Class<T> type) {
    ObjectReader reader = mapper.readerFor(type);
    ObjectWriter writer = mapper.writerFor(type);
    Serializer<T> serializer = (topic, value) -> {
      try {
        return value == null ? null : writer.writeValueAsBytes(value);
      } catch (IOException error) {
        throw new SerializationException(error);
      }
    };
    Deserializer<T> deserializer = (topic, bytes) -> {
      try {
        return bytes == null ? null : reader.readValue(bytes);
      } catch (IOException error) {
        throw new SerializationException(error);
      }
    };
    return Serdes.serdeFrom(serializer, deserializer);
  }

  /** Arguments: bootstrap servers, application id, state folder, input topic, output topic, threads. */
  public static void main(String[] arguments) {
    String input = arguments[3];
    String output = arguments[4];
    Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[1]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[2]);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, arguments[5]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    // Input is there before the application is.
    settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");

    ObjectMapper mapper = new ObjectMapper();
    Serde<State> states = json(mapper, State.class);
    StreamsBuilder builder = new StreamsBuilder();
    builder.addStateStore(
        Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STORE), Serdes.String(), states)
            .withLoggingEnabled(java.util.Map.of())
            .withCachingDisabled());
    builder.stream(input, Consumed.with(Serdes.String(), json(mapper, Event.class)))
        .process(ReadModifyWrite::new, STORE)
        .to(output, Produced.with(Serdes.String(), states));

    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    streams.setStateListener((now, before) -> {
      if (now == KafkaStreams.State.RUNNING) {
        System.out.println("RUNNING");
      }
    });
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      Runtime.getRuntime().halt(1);
      return null;
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(20))));
    streams.start();
  }
}
