package millrace.differential;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.errors.LogAndContinueExceptionHandler;
import org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.TimestampedKeyValueStore;
import org.apache.kafka.streams.state.TimestampedWindowStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;
import org.apache.kafka.streams.state.VersionedKeyValueStore;
import org.apache.kafka.streams.state.VersionedRecord;
import org.apache.kafka.streams.test.TestRecord;

/** Runs cases in Kafka Streams' TopologyTestDriver: one JSON case per line of input, one JSON outcome per line of output. */
public final class TestDriverPeer {
  private static final ObjectMapper JSON = new ObjectMapper();

  private TestDriverPeer() {}

  /** Argument: the state folder. */
  public static void main(String[] arguments) throws Exception {
    PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    // Whatever logs must not come between the answers.
    System.setOut(System.err);
    BufferedReader cases = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = cases.readLine(); line != null; line = cases.readLine()) {
      ObjectNode answer;
      try {
        answer = run(JSON.readTree(line), arguments[0]);
      } catch (Exception | StackOverflowError error) {
        java.io.StringWriter trace = new java.io.StringWriter();
        error.printStackTrace(new java.io.PrintWriter(trace));
        answer = JSON.createObjectNode().put("error", trace.toString());
      }
      answers.println(JSON.writeValueAsString(answer));
      answers.flush();
    }
  }

  private static ObjectNode run(JsonNode test, String stateDir) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "test");
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "none:1");
    settings.put(StreamsConfig.STATE_DIR_CONFIG, stateDir);
    // What an operator computes without keeping it is text; Kafka Streams forgets the serde of such a table.
    settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    // Every update is seen: a cache would swallow some of those that one record causes.
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    if (test.path("continueOnError").asBoolean()) {
      settings.put(StreamsConfig.PROCESSING_EXCEPTION_HANDLER_CLASS_CONFIG, LogAndContinueProcessingExceptionHandler.class);
      settings.put(StreamsConfig.DESERIALIZATION_EXCEPTION_HANDLER_CLASS_CONFIG, LogAndContinueExceptionHandler.class);
    }
    if (!test.path("persistent").asBoolean()) {
      settings.put(StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG, "org.apache.kafka.streams.state.BuiltInDslStoreSuppliers$InMemoryDslStoreSuppliers");
    }
    // Records without partner are given out as soon as they can be, not once in a second of the driver's clock, which stands.
    settings.put(StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_OUTER_JOIN_SPURIOUS_RESULTS_FIX, 0L);
    settings.put(StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_WINDOWED_AGGREGATION, 0L);
    try (TopologyTestDriver driver = new TopologyTestDriver(new Interpreter(test).topology(), settings, Instant.ofEpochMilli(0))) {
      Map<String, TestInputTopic<byte[], byte[]>> topics = new HashMap<>();
      for (JsonNode input : test.get("inputs")) {
        if (input.has("advance")) {
          driver.advanceWallClockTime(Duration.ofMillis(input.get("advance").asLong()));
          continue;
        }
        TestInputTopic<byte[], byte[]> topic = topics.computeIfAbsent(
            input.get("topic").asText(), name -> driver.createInputTopic(name, new ByteArraySerializer(), new ByteArraySerializer()));
        RecordHeaders headers = new RecordHeaders();
        input.get("headers").forEach(header -> headers.add(header.get(0).asText(), bytes(header.get(1))));
        topic.pipeInput(new TestRecord<>(bytes(input.get("key")), bytes(input.get("value")), headers, input.get("timestamp").asLong()));
      }
      ObjectNode answer = JSON.createObjectNode();
      ObjectNode written = written(driver);
      answer.set("topics", written);
      answer.set("stores", kept(driver, written));
      return answer;
    }
  }

  private static ObjectNode written(TopologyTestDriver driver) {
    ObjectNode topics = JSON.createObjectNode();
    for (String name : new TreeSet<>(driver.producedTopicNames())) {
      if (name.endsWith("-changelog")) {
        continue;
      }
      ArrayNode records = topics.putArray(name);
      for (TestRecord<byte[], byte[]> record : driver.createOutputTopic(name, new ByteArrayDeserializer(), new ByteArrayDeserializer()).readRecordsToList()) {
        ArrayNode row = records.addArray().add(latin(record.key())).add(latin(record.value())).add(record.timestamp());
        ArrayNode headers = row.addArray();
        for (Header header : record.headers()) {
          headers.addArray().add(header.key()).add(latin(header.value()));
        }
      }
    }
    return topics;
  }

  private static ObjectNode kept(TopologyTestDriver driver, ObjectNode written) {
    ObjectNode stores = JSON.createObjectNode();
    for (Map.Entry<String, StateStore> entry : new java.util.TreeMap<>(driver.getAllStateStores()).entrySet()) {
      // Stores an operator keeps under the name a case gives it; others are the engine's own business.
      if (!entry.getKey().matches("n[0-9]+(-state)?")) {
        continue;
      }
      if (entry.getValue() instanceof TimestampedWindowStore) {
        windows((TimestampedWindowStore<Object, Object>) entry.getValue(), stores.putArray(entry.getKey()));
      }
      JsonNode out = written.path("out-" + entry.getKey().substring(1));
      if (entry.getValue() instanceof SessionStore) {
        sessions((SessionStore<Object, Object>) entry.getValue(), out, stores.putArray(entry.getKey()));
      }
      if (entry.getValue() instanceof VersionedKeyValueStore) {
        versions((VersionedKeyValueStore<Object, Object>) entry.getValue(), out, stores.putArray(entry.getKey()));
      }
      if (!(entry.getValue() instanceof TimestampedKeyValueStore)) {
        if (entry.getValue() instanceof KeyValueStore) {
          plain((KeyValueStore<Object, Object>) entry.getValue(), stores.putArray(entry.getKey()));
        }
        continue;
      }
      ArrayNode rows = stores.putArray(entry.getKey());
      TimestampedKeyValueStore<Object, Object> store = (TimestampedKeyValueStore<Object, Object>) entry.getValue();
      try (KeyValueIterator<Object, ValueAndTimestamp<Object>> all = store.all()) {
        while (all.hasNext()) {
          KeyValue<Object, ValueAndTimestamp<Object>> row = all.next();
          rows.addArray().add(Functions.text(row.key)).add(Functions.text(row.value.value())).add(row.value.timestamp());
        }
      }
    }
    return stores;
  }

  private static void plain(KeyValueStore<Object, Object> store, ArrayNode rows) {
    try (KeyValueIterator<Object, Object> all = store.all()) {
      while (all.hasNext()) {
        KeyValue<Object, Object> row = all.next();
        rows.addArray().add(Functions.text(row.key)).add(Functions.text(row.value)).add(-1);
      }
    }
  }

  /** Of keys that came out: behind them in the bytes are the end and the start of a session. */
  private static void sessions(SessionStore<Object, Object> store, JsonNode out, ArrayNode rows) {
    TreeSet<String> keys = new TreeSet<>();
    out.forEach(record -> keys.add(decoded(record.get(0).asText().substring(0, record.get(0).asText().length() - 16))));
    java.util.TreeMap<String, KeyValue<Windowed<Object>, Object>> sorted = new java.util.TreeMap<>();
    for (String key : keys) {
      try (KeyValueIterator<Windowed<Object>, Object> all = store.fetch(key)) {
        all.forEachRemaining(row -> sorted.put(Windows.text(row.key), row));
      }
    }
    sorted.forEach((key, row) -> rows.addArray().add(key).add(Functions.text(row.value)).add(row.key.window().end()));
  }

  /** Of keys that came out, at the times at which they did. */
  private static void versions(VersionedKeyValueStore<Object, Object> store, JsonNode out, ArrayNode rows) {
    java.util.TreeMap<String, VersionedRecord<Object>> sorted = new java.util.TreeMap<>();
    for (JsonNode record : out) {
      if (!record.get(0).isNull()) {
        String key = decoded(record.get(0).asText());
        VersionedRecord<Object> row = store.get(key, record.get(2).asLong());
        if (row != null) {
          sorted.put(key + "@" + record.get(2).asLong(), row);
        }
      }
    }
    sorted.forEach((key, row) -> rows.addArray().add(key).add(Functions.text(row.value())).add(row.timestamp()));
  }

  private static String decoded(String latin) {
    return new String(latin.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
  }

  private static void windows(TimestampedWindowStore<Object, Object> store, ArrayNode rows) {
    java.util.TreeMap<String, ValueAndTimestamp<Object>> sorted = new java.util.TreeMap<>();
    try (KeyValueIterator<Windowed<Object>, ValueAndTimestamp<Object>> all = store.all()) {
      while (all.hasNext()) {
        KeyValue<Windowed<Object>, ValueAndTimestamp<Object>> row = all.next();
        sorted.put(Windows.text(row.key), row.value);
      }
    }
    sorted.forEach((key, value) -> rows.addArray().add(key).add(Functions.text(value.value())).add(value.timestamp()));
  }

  private static byte[] bytes(JsonNode text) {
    return text.isNull() ? null : text.asText().getBytes(StandardCharsets.UTF_8);
  }

  private static String latin(byte[] bytes) {
    return bytes == null ? null : new String(bytes, StandardCharsets.ISO_8859_1);
  }
}
