package millrace.differential;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.BranchedKStream;
import org.apache.kafka.streams.kstream.CogroupedKStream;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KGroupedTable;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TableJoined;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.kstream.ValueJoinerWithKey;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.state.Stores;

/** Builds the topology a case describes (case.ts). Operators are held by position; a split is the list of its branches. */
@SuppressWarnings({"unchecked", "rawtypes"})
final class Interpreter {
  /** Of input topics: text, of which the name of a topic may say that some cannot be read. */
  private static final Serde<String> TEXT = Serdes.serdeFrom(new StringSerializer(), (topic, bytes) -> {
    String text = bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    if (topic.endsWith("-refuses-" + text)) {
      throw new SerializationException("refused on purpose");
    }
    return text;
  });

  private final JsonNode operators;
  private final boolean persistent;
  private final boolean noInitialOldValue;
  private final boolean noNullValues;
  private final boolean noNullValuesInJoins;
  private final StreamsBuilder builder = new StreamsBuilder();
  private final List<Object> built = new ArrayList<>();
  private final List<Serde> serdes = new ArrayList<>();
  private final Map<Integer, KStream<Object, Object>> sides = new HashMap<>();

  Interpreter(JsonNode test) {
    operators = test.get("operators");
    persistent = test.path("persistent").asBoolean();
    noInitialOldValue = isAllowed(test, "no-initial-old-value");
    noNullValues = isAllowed(test, "no-null-values-in-windows");
    noNullValuesInJoins = isAllowed(test, "no-null-values-in-joins");
  }

  private static boolean isAllowed(JsonNode test, String name) {
    for (JsonNode allowance : test.path("allowances")) {
      if (allowance.asText().equals(name)) {
        return true;
      }
    }
    return false;
  }

  Topology topology() {
    for (int position = 0; position < operators.size(); position++) {
      JsonNode operator = operators.get(position);
      serdes.add(serdeOf(operator));
      Object result = build(operator, "n" + position);
      built.add(result);
      KStream output = result instanceof KTable table ? table.toStream() : result instanceof KStream stream ? stream : null;
      if (output != null) {
        output.to("out-" + position, Produced.with(keySerde(position), serdes.get(position)));
      }
    }
    return builder.build();
  }

  /** The type of the values that leave an operator; isLong in case.ts. */
  private Serde serdeOf(JsonNode operator) {
    return switch (operator.get("op").asText()) {
      case "count", "tableCount", "windowCount" -> Serdes.Long();
      case "filter", "filterNot", "selectKey", "merge", "split", "branch", "child", "repartition", "toTable", "toStream", "tableFilter",
          "tableFilterNot", "tableSuppress", "windowSuppress", "windowFilter", "windowFilterNot", "windowToStream" -> serdes.get(operator.get("of").asInt());
      default -> Serdes.String();
    };
  }

  /** Windowed keys are written as WindowedSerdes do. */
  private Serde keySerde(int position) {
    JsonNode it = operators.get(position);
    return switch (it.get("op").asText()) {
      case "windowSuppress", "windowFilter", "windowFilterNot", "windowMapValues", "windowJoin", "windowLeftJoin", "windowOuterJoin" ->
          keySerde(it.get("of").asInt());
      case "windowCount", "windowReduce", "windowAggregate", "windowCogroup" -> it.get("windows").get("kind").asText().equals("session")
          ? WindowedSerdes.sessionWindowedSerdeFrom(String.class)
          : WindowedSerdes.timeWindowedSerdeFrom(String.class, Windows.size(it.get("windows")));
      default -> Serdes.String();
    };
  }

  private Object build(JsonNode it, String name) {
    Serde value = serdes.get(serdes.size() - 1);
    return switch (it.get("op").asText()) {
      case "process" -> {
        Processors.addStore(builder, it, name, persistent);
        yield stream(it).process(() -> new Processors.OfRecords(it, name), Named.as(name), Processors.stores(it, name));
      }
      case "processValues" -> {
        Processors.addStore(builder, it, name, persistent);
        yield stream(it).processValues(() -> new Processors.OfValues(it, name), Named.as(name), Processors.stores(it, name));
      }
      case "child" -> stream(it).filter((k, v) -> true, Named.as("n" + it.get("of").asInt() + "-c" + it.get("index").asInt()));
      case "stream" -> builder.stream(texts(it.get("topics")), Consumed.with(TEXT, TEXT));
      case "table" -> builder.table(it.get("topic").asText(), Consumed.with(TEXT, TEXT), kept(it, name, value));
      case "cogroup" -> cogrouped(it, name).aggregate(() -> noInitialOldValue ? null : "0", kept(it, name, value));
      case "globalTable" -> builder.globalTable(it.get("topic").asText(), Consumed.with(Serdes.String(), Serdes.String()), kept(it, name, value));
      case "filter" -> stream(it).filter((k, v) -> Functions.holds(it.get("when"), k, v));
      case "filterNot" -> stream(it).filterNot((k, v) -> Functions.holds(it.get("when"), k, v));
      case "map" -> stream(it).map((k, v) -> KeyValue.pair(Functions.applyKey(it.get("key"), k, v), Functions.applyValue(it.get("value"), k, v)));
      case "mapValues" -> stream(it).mapValues((k, v) -> Functions.applyValue(it.get("value"), k, v));
      case "flatMap" -> stream(it).flatMap((k, v) -> {
        List<KeyValue<Object, Object>> results = new ArrayList<>();
        for (int copy = Functions.copies(it.get("mod").asInt(), v); copy > 0; copy--) {
          String result = Functions.applyValue(it.get("value"), k, v);
          results.add(KeyValue.pair(Functions.applyKey(it.get("key"), k, copy + Functions.text(v)), result == null ? null : result + copy));
        }
        return results;
      });
      case "flatMapValues" -> stream(it).flatMapValues((k, v) -> {
        List<String> results = new ArrayList<>();
        for (int copy = Functions.copies(it.get("mod").asInt(), v); copy > 0; copy--) {
          String result = Functions.applyValue(it.get("value"), k, v);
          results.add(result == null ? null : result + copy);
        }
        return results;
      });
      case "selectKey" -> stream(it).selectKey((k, v) -> Functions.applyKey(it.get("key"), k, v));
      case "merge" -> stream(it).merge((KStream) built.get(it.get("with").asInt()));
      case "split" -> split(it, name);
      case "branch" -> ((List) built.get(it.get("of").asInt())).get(it.get("index").asInt());
      case "repartition" -> stream(it).repartition(Repartitioned.with(Serdes.String(), value).withName(name));
      case "toTable" -> stream(it).toTable(Named.as(name), kept(it, name, value));
      case "toStream" -> table(it).toStream();
      case "count" -> noInitialOldValue
          ? grouped(it, name).aggregate(() -> null, (k, v, a) -> a == null ? 1L : (Long) a + 1L, kept(it, name, value))
          : grouped(it, name).count(kept(it, name, value));
      case "reduce" -> grouped(it, name).reduce((a, v) -> Functions.combine(it.get("add"), null, a, v), kept(it, name, value));
      case "aggregate" -> noInitialOldValue
          ? grouped(it, name).aggregate(() -> null, (k, v, a) -> Functions.combine(it.get("add"), k, a == null ? "0" : a, v), kept(it, name, value))
          : grouped(it, name).aggregate(() -> "0", (k, v, a) -> Functions.combine(it.get("add"), k, a, v), kept(it, name, value));
      case "tableCount" -> groupedTable(it, name).count(kept(it, name, value));
      case "tableReduce" -> groupedTable(it, name).reduce(
          (a, v) -> Functions.combine(it.get("add"), null, a, v), (a, v) -> Functions.combine(it.get("subtract"), null, a, v), kept(it, name, value));
      case "tableAggregate" -> groupedTable(it, name).aggregate(() -> "0", (k, v, a) -> Functions.combine(it.get("add"), k, a, v),
          (k, v, a) -> Functions.combine(it.get("subtract"), k, a, v), kept(it, name, value));
      case "tableFilter" -> it.get("stored").asBoolean()
          ? table(it).filter((k, v) -> Functions.holds(it.get("when"), k, v), kept(it, name, value))
          : table(it).filter((k, v) -> Functions.holds(it.get("when"), k, v));
      case "tableFilterNot" -> it.get("stored").asBoolean()
          ? table(it).filterNot((k, v) -> Functions.holds(it.get("when"), k, v), kept(it, name, value))
          : table(it).filterNot((k, v) -> Functions.holds(it.get("when"), k, v));
      case "tableMapValues" -> it.get("stored").asBoolean()
          ? table(it).mapValues((k, v) -> Functions.applyValue(it.get("value"), k, v), kept(it, name, value))
          : table(it).mapValues((k, v) -> Functions.applyValue(it.get("value"), k, v));
      case "joinTable" -> stream(it).join(otherTable(it), (k, l, r) -> Functions.combine(it.get("joiner"), k, l, r), joined(it, name));
      case "leftJoinTable" -> stream(it).leftJoin(otherTable(it), (k, l, r) -> Functions.combine(it.get("joiner"), k, l, r), joined(it, name));
      case "tableJoin" -> it.get("stored").asBoolean()
          ? table(it).join(otherTable(it), tableJoiner(it), kept(it, name, value)) : table(it).join(otherTable(it), tableJoiner(it));
      case "tableLeftJoin" -> it.get("stored").asBoolean()
          ? table(it).leftJoin(otherTable(it), tableJoiner(it), kept(it, name, value)) : table(it).leftJoin(otherTable(it), tableJoiner(it));
      case "tableOuterJoin" -> it.get("stored").asBoolean()
          ? table(it).outerJoin(otherTable(it), tableJoiner(it), kept(it, name, value)) : table(it).outerJoin(otherTable(it), tableJoiner(it));
      case "foreignKeyJoin" -> it.get("stored").asBoolean()
          ? table(it).join(otherTable(it), foreignKey(it), tableJoiner(it), TableJoined.as(name), kept(it, name, value))
          : table(it).join(otherTable(it), foreignKey(it), tableJoiner(it), TableJoined.as(name), unkept(value));
      case "foreignKeyLeftJoin" -> it.get("stored").asBoolean()
          ? table(it).leftJoin(otherTable(it), foreignKey(it), tableJoiner(it), TableJoined.as(name), kept(it, name, value))
          : table(it).leftJoin(otherTable(it), foreignKey(it), tableJoiner(it), TableJoined.as(name), unkept(value));
      case "streamJoin" -> side(it, "of").join(side(it, "with"), streamJoiner(it), joinWindows(it), streamJoined(it, name));
      case "streamLeftJoin" -> side(it, "of").leftJoin(side(it, "with"), streamJoiner(it), joinWindows(it), streamJoined(it, name));
      case "streamOuterJoin" -> side(it, "of").outerJoin(side(it, "with"), streamJoiner(it), joinWindows(it), streamJoined(it, name));
      case "windowCount", "windowReduce", "windowAggregate" -> Windows.aggregate(it, (KGroupedStream) grouped(it, name), kept(it, name, value), noInitialOldValue);
      case "windowCogroup" -> Windows.aggregate(it, cogrouped(it, name), kept(it, name, value), noInitialOldValue);
      case "tableTransformValues" -> {
        Processors.addState(builder, it, name, persistent);
        yield it.get("stored").asBoolean()
            ? table(it).transformValues(() -> new Processors.Transformer(it, name), kept(it, name, value), Named.as(name), Processors.states(it, name))
            : table(it).transformValues(() -> new Processors.Transformer(it, name), Named.as(name), Processors.states(it, name));
      }
      case "windowFilter" -> it.get("stored").asBoolean()
          ? table(it).filter((k, v) -> Functions.holds(it.get("when"), k, v), keptByWindow(name, value))
          : table(it).filter((k, v) -> Functions.holds(it.get("when"), k, v));
      case "windowFilterNot" -> it.get("stored").asBoolean()
          ? table(it).filterNot((k, v) -> Functions.holds(it.get("when"), k, v), keptByWindow(name, value))
          : table(it).filterNot((k, v) -> Functions.holds(it.get("when"), k, v));
      case "windowMapValues" -> it.get("stored").asBoolean()
          ? table(it).mapValues((k, v) -> Functions.applyValue(it.get("value"), k, v), keptByWindow(name, value))
          : table(it).mapValues((k, v) -> Functions.applyValue(it.get("value"), k, v));
      case "windowJoin" -> it.get("stored").asBoolean()
          ? table(it).join(otherTable(it), tableJoiner(it), keptByWindow(name, value)) : table(it).join(otherTable(it), tableJoiner(it));
      case "windowLeftJoin" -> it.get("stored").asBoolean()
          ? table(it).leftJoin(otherTable(it), tableJoiner(it), keptByWindow(name, value)) : table(it).leftJoin(otherTable(it), tableJoiner(it));
      case "windowOuterJoin" -> it.get("stored").asBoolean()
          ? table(it).outerJoin(otherTable(it), tableJoiner(it), keptByWindow(name, value)) : table(it).outerJoin(otherTable(it), tableJoiner(it));
      case "windowGroup" -> groupedTable(it, name).aggregate(() -> "0", (k, v, a) -> Functions.combine(it.get("add"), k, a, v),
          (k, v, a) -> Functions.combine(it.get("subtract"), k, a, v), kept(it, name, value));
      case "windowSuppress" -> table(it).suppress((Suppressed) Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()).withName(name));
      case "windowToStream" -> table(it).toStream().selectKey((k, v) -> Windows.text((Windowed) k));
      case "tableSuppress" -> table(it).suppress(Suppressed.untilTimeLimit(Duration.ofMillis(it.get("limit").asLong()), it.has("maxRecords")
          ? Suppressed.BufferConfig.maxRecords(it.get("maxRecords").asLong()).emitEarlyWhenFull() : (Suppressed.BufferConfig) Suppressed.BufferConfig.unbounded())
          .withName(name));
      case "joinGlobal" -> stream(it).join((GlobalKTable) built.get(it.get("with").asInt()),
          (k, v) -> Functions.applyKey(it.get("key"), k, v), (k, l, r) -> Functions.combine(it.get("joiner"), k, l, r));
      case "leftJoinGlobal" -> stream(it).leftJoin((GlobalKTable) built.get(it.get("with").asInt()),
          (k, v) -> Functions.applyKey(it.get("key"), k, v), (k, l, r) -> Functions.combine(it.get("joiner"), k, l, r));
      default -> throw new IllegalArgumentException("operator " + it);
    };
  }

  private List<KStream<Object, Object>> split(JsonNode it, String name) {
    List<KStream<Object, Object>> branches = new ArrayList<>();
    BranchedKStream<Object, Object> split = stream(it).split(Named.as(name + "-branch-"));
    for (JsonNode condition : it.get("branches")) {
      int index = branches.size();
      branches.add(null);
      split = split.branch((k, v) -> Functions.holds(condition, k, v), Branched.withConsumer(branch -> branches.set(index, branch)));
    }
    if (it.get("fallback").asBoolean()) {
      int index = branches.size();
      branches.add(null);
      split.defaultBranch(Branched.withConsumer(branch -> branches.set(index, branch)));
    } else {
      split.noDefaultBranch();
    }
    return branches;
  }

  private KGroupedStream<Object, Object> grouped(JsonNode it, String name) {
    Grouped grouping = Grouped.with(name, Serdes.String(), inputSerde(it));
    KStream<Object, Object> from = withValues(it, stream(it));
    return it.has("by") ? from.groupBy((k, v) -> Functions.applyKey(it.get("by"), k, v), grouping) : from.groupByKey(grouping);
  }

  private KStream<Object, Object> withValues(JsonNode it, KStream<Object, Object> from) {
    return noNullValues && it.has("windows") ? from.filter((k, v) -> v != null) : from;
  }

  private CogroupedKStream<Object, Object> cogrouped(JsonNode it, String name) {
    KGroupedStream<Object, Object> one = withValues(it, stream(it)).groupByKey((Grouped) Grouped.with(name + "-one", Serdes.String(), inputSerde(it)));
    KGroupedStream<Object, Object> two = withValues(it, (KStream<Object, Object>) built.get(it.get("with").asInt()))
        .groupByKey((Grouped) Grouped.with(name + "-two", Serdes.String(), serdes.get(it.get("with").asInt())));
    return one.cogroup((k, v, a) -> (Object) Functions.combine(it.get("add"), k, a == null ? "0" : a, v))
        .cogroup(two, (k, v, a) -> Functions.combine(it.get("other"), k, a == null ? "0" : a, v));
  }

  private KGroupedTable<Object, Object> groupedTable(JsonNode it, String name) {
    return table(it).groupBy((k, v) -> KeyValue.pair((Object) Functions.applyKey(it.get("key"), k, v), (Object) Functions.applyValue(it.get("value"), k, v)),
        (Grouped) Grouped.with(name, Serdes.String(), Serdes.String()));
  }

  private Joined joined(JsonNode it, String name) {
    Joined joined = Joined.with(Serdes.String(), inputSerde(it), serdes.get(it.get("with").asInt()), name);
    return it.has("grace") ? joined.withGracePeriod(Duration.ofMillis(it.get("grace").asLong())) : joined;
  }

  private static ValueJoiner<Object, Object, Object> tableJoiner(JsonNode it) {
    return (l, r) -> Functions.combine(it.get("joiner"), null, l, r);
  }

  private static ValueJoinerWithKey<Object, Object, Object, Object> streamJoiner(JsonNode it) {
    return (k, l, r) -> Functions.combine(it.get("joiner"), k, l, r);
  }

  private static BiFunction<Object, Object, Object> foreignKey(JsonNode it) {
    return (k, v) -> Functions.applyKey(it.get("key"), k, v);
  }

  private static JoinWindows joinWindows(JsonNode it) {
    return JoinWindows.ofTimeDifferenceAndGrace(Duration.ZERO, Duration.ofMillis(it.get("grace").asLong()))
        .before(Duration.ofMillis(it.get("before").asLong())).after(Duration.ofMillis(it.get("after").asLong()));
  }

  private StreamJoined streamJoined(JsonNode it, String name) {
    return StreamJoined.with(Serdes.String(), inputSerde(it), serdes.get(it.get("with").asInt())).withName(name);
  }

  private KStream<Object, Object> side(JsonNode it, String side) {
    int position = it.get(side).asInt();
    KStream<Object, Object> stream = (KStream<Object, Object>) built.get(position);
    // One filter for all joins, as in millrace-peer.ts: its place decides which of two operators is first.
    return noNullValuesInJoins ? sides.computeIfAbsent(position, none -> stream.filter((k, v) -> v != null)) : stream;
  }

  private Serde inputSerde(JsonNode it) {
    return serdes.get(it.get("of").asInt());
  }

  private KStream<Object, Object> stream(JsonNode it) {
    return (KStream<Object, Object>) built.get(it.get("of").asInt());
  }

  private KTable<Object, Object> table(JsonNode it) {
    return (KTable<Object, Object>) built.get(it.get("of").asInt());
  }

  private KTable<Object, Object> otherTable(JsonNode it) {
    return (KTable<Object, Object>) built.get(it.get("with").asInt());
  }

  private static Materialized kept(JsonNode it, String name, Serde value) {
    Materialized kept = it.has("history") ? Materialized.as(Stores.persistentVersionedKeyValueStore(name, Duration.ofMillis(it.get("history").asLong()))) : Materialized.as(name);
    return kept.withKeySerde((Serde) Serdes.String()).withValueSerde(value);
  }

  /** Of a table whose keys have windows. */
  private Materialized keptByWindow(String name, Serde value) {
    return Materialized.as(name).withKeySerde(keySerde(built.size())).withValueSerde(value);
  }

  private static Materialized unkept(Serde value) {
    return Materialized.with((Serde) Serdes.String(), value);
  }

  private static List<String> texts(JsonNode list) {
    List<String> result = new ArrayList<>();
    list.forEach(item -> result.add(item.asText()));
    return result;
  }
}
