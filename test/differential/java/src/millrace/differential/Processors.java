package millrace.differential;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.ValueTransformerWithKey;
import org.apache.kafka.streams.processor.Cancellable;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.Punctuator;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.ProcessingContext;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** The processors of random topologies: processors.ts in Java. Both must do the same. */
final class Processors {
  private Processors() {}

  static void addStore(StreamsBuilder builder, JsonNode it, String name, boolean persistent) {
    if (it.has("store")) {
      builder.addStateStore(Stores.keyValueStoreBuilder(
          persistent ? Stores.persistentKeyValueStore(name) : Stores.inMemoryKeyValueStore(name), Serdes.String(), Serdes.String()));
    }
  }

  static String[] stores(JsonNode it, String name) {
    return it.has("store") ? new String[] {name} : new String[0];
  }

  static void addState(StreamsBuilder builder, JsonNode it, String name, boolean persistent) {
    if (it.has("state")) {
      String state = name + "-state";
      builder.addStateStore(Stores.keyValueStoreBuilder(
          persistent ? Stores.persistentKeyValueStore(state) : Stores.inMemoryKeyValueStore(state), Serdes.String(), Serdes.String()));
    }
  }

  static String[] states(JsonNode it, String name) {
    return it.has("state") ? new String[] {name + "-state"} : new String[0];
  }

  static final class Transformer implements ValueTransformerWithKey<Object, Object, Object> {
    private final JsonNode it;
    private final String name;
    private KeyValueStore<String, String> state;

    Transformer(JsonNode it, String name) {
      this.it = it;
      this.name = name;
    }

    @Override
    public void init(org.apache.kafka.streams.processor.ProcessorContext context) {
      state = it.has("state") ? context.getStateStore(name + "-state") : null;
    }

    @Override
    public Object transform(Object key, Object value) {
      if (value == null) {
        return null;
      }
      String result = Functions.applyValue(it.get("value"), key, value);
      if (state == null) {
        return result;
      }
      String old = state.get((String) key);
      String folded = Functions.combine(it.get("state"), key, old == null ? "0" : old, result);
      state.put((String) key, folded);
      return folded;
    }

    @Override
    public void close() {}
  }

  /** What both kinds of processors do. */
  private static final class Work {
    private final JsonNode it;
    private final String name;
    private ProcessingContext context;
    private KeyValueStore<String, String> store;
    private Cancellable punctuator;
    private int fired;

    Work(JsonNode it, String name) {
      this.it = it;
      this.name = name;
    }

    void init(ProcessingContext given, Punctuator punctuate) {
      context = given;
      store = it.has("store") ? given.getStateStore(name) : null;
      if (it.has("punctuate")) {
        JsonNode how = it.get("punctuate");
        Duration every = Duration.ofMillis(how.get("every").asLong());
        PunctuationType clock = how.get("clock").asText().equals("stream-time") ? PunctuationType.STREAM_TIME : PunctuationType.WALL_CLOCK_TIME;
        punctuator = how.has("from")
            ? given.schedule(Instant.ofEpochMilli(how.get("from").asLong()), every, clock, punctuate) : given.schedule(every, clock, punctuate);
      }
    }

    String value(Object key, Object given) {
      String value = Functions.applyValue(it.get("value"), key, given);
      if (store != null) {
        String old = store.get(Functions.text(key));
        value = Functions.combine(it.get("store"), key, old == null ? "0" : old, value);
        store.put(Functions.text(key), value);
      }
      return switch (it.path("tell").asText()) {
        case "metadata" -> {
          RecordMetadata metadata = context.recordMetadata().get();
          // What a punctuator hands on has metadata here, but none that says anything.
          yield Functions.limit(Functions.text(value) + "<" + (metadata.topic() == null ? "nothing" : metadata.topic() + ":" + metadata.offset()));
        }
        case "stream-time" -> Functions.limit(Functions.text(value) + "<" + context.currentStreamTimeMs());
        case "system-time" -> Functions.limit(Functions.text(value) + "<" + context.currentSystemTimeMs());
        default -> value;
      };
    }

    /** The name of the child that is to be given the record, null for all. */
    String child(Object key, Object value) {
      int index = 0;
      for (JsonNode condition : it.path("children")) {
        if (Functions.holds(condition, key, value)) {
          return name + "-c" + index;
        }
        index++;
      }
      return null;
    }

    int count(Object value) {
      return it.has("copies") ? 1 + Functions.copies(it.get("copies").get("mod").asInt(), value) : 1;
    }

    long later(int copy) {
      return it.has("copies") ? copy * it.get("copies").get("later").asLong() : 0;
    }

    /** The rows as they were, changed; null without a store. */
    List<KeyValue<String, String>> punctuate(long timestamp) {
      if (++fired == it.get("punctuate").path("times").asInt()) {
        punctuator.cancel();
      }
      if (store == null) {
        return null;
      }
      List<KeyValue<String, String>> rows = new ArrayList<>();
      try (KeyValueIterator<String, String> all = store.all()) {
        all.forEachRemaining(row -> rows.add(KeyValue.pair(row.key, Functions.limit(row.value + "@" + timestamp))));
      }
      rows.forEach(row -> store.put(row.key, it.get("punctuate").get("clear").asBoolean() ? null : row.value));
      return rows;
    }
  }

  static final class OfRecords implements Processor<Object, Object, Object, Object> {
    private final Work work;
    private final JsonNode it;
    private ProcessorContext<Object, Object> context;

    OfRecords(JsonNode it, String name) {
      this.it = it;
      work = new Work(it, name);
    }

    @Override
    public void init(ProcessorContext<Object, Object> given) {
      context = given;
      work.init(given, this::punctuate);
    }

    @Override
    public void process(Record<Object, Object> record) {
      String value = work.value(record.key(), record.value());
      String key = Functions.applyKey(it.get("key"), record.key(), record.value());
      String child = work.child(key, value);
      int count = work.count(record.value());
      for (int copy = 0; copy < count; copy++) {
        Record<Object, Object> one = record.<Object>withKey(key).<Object>withValue(value).withTimestamp(record.timestamp() + work.later(copy));
        if (child == null) {
          context.forward(one);
        } else {
          context.forward(one, child);
        }
      }
      Functions.throwIf(it.get("throwAfter"), record.key(), record.value());
    }

    private void punctuate(long timestamp) {
      List<KeyValue<String, String>> rows = work.punctuate(timestamp);
      if (rows == null) {
        context.forward(new Record<>("p", String.valueOf(timestamp), timestamp));
      } else {
        rows.forEach(row -> context.forward(new Record<>(row.key, row.value, timestamp)));
      }
    }
  }

  static final class OfValues implements FixedKeyProcessor<Object, Object, Object> {
    private final Work work;
    private FixedKeyProcessorContext<Object, Object> context;

    OfValues(JsonNode it, String name) {
      work = new Work(it, name);
    }

    @Override
    public void init(FixedKeyProcessorContext<Object, Object> given) {
      context = given;
      work.init(given, work::punctuate);
    }

    @Override
    public void process(FixedKeyRecord<Object, Object> record) {
      String value = work.value(record.key(), record.value());
      String child = work.child(record.key(), value);
      int count = work.count(record.value());
      for (int copy = 0; copy < count; copy++) {
        FixedKeyRecord<Object, Object> one = record.<Object>withValue(value).withTimestamp(record.timestamp() + work.later(copy));
        if (child == null) {
          context.forward(one);
        } else {
          context.forward(one, child);
        }
      }
      Functions.throwIf(work.it.get("throwAfter"), record.key(), record.value());
    }
  }
}
