package millrace.differential;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import org.apache.kafka.streams.kstream.CogroupedKStream;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;

/** Windowed aggregations of a case. */
@SuppressWarnings({"unchecked", "rawtypes"})
final class Windows {
  private Windows() {}

  /** What the end of a window is from its start. */
  static long size(JsonNode windows) {
    return windows.has("size") ? windows.get("size").asLong() : windows.get("difference").asLong();
  }

  static String text(Windowed windowed) {
    return windowed.key() + "@" + windowed.window().start() + "/" + windowed.window().end();
  }

  static KTable aggregate(JsonNode it, KGroupedStream<Object, Object> grouped, Materialized materialized, boolean noInitialOldValue) {
    JsonNode windows = it.get("windows");
    Materialized kept = it.has("retention") ? materialized.withRetention(millis(it, "retention")) : materialized;
    Duration grace = Duration.ofMillis(windows.get("grace").asLong());
    EmitStrategy emit = it.get("onClose").asBoolean() ? EmitStrategy.onWindowClose() : EmitStrategy.onWindowUpdate();
    return switch (windows.get("kind").asText()) {
      case "time" -> byTime(it, grouped.windowedBy(TimeWindows.ofSizeAndGrace(millis(windows, "size"), grace).advanceBy(millis(windows, "advance"))).emitStrategy(emit), kept, noInitialOldValue);
      case "sliding" -> byTime(it, grouped.windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(millis(windows, "difference"), grace)).emitStrategy(emit), kept, noInitialOldValue);
      case "session" -> sessions(it, grouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(millis(windows, "gap"), grace)).emitStrategy(emit), kept);
      default -> throw new IllegalArgumentException("windows " + windows);
    };
  }

  static KTable aggregate(JsonNode it, CogroupedKStream<Object, Object> cogrouped, Materialized kept, boolean noInitialOldValue) {
    String initial = noInitialOldValue ? null : "0";
    JsonNode windows = it.get("windows");
    Duration grace = Duration.ofMillis(windows.get("grace").asLong());
    return switch (windows.get("kind").asText()) {
      case "time" -> cogrouped.windowedBy(TimeWindows.ofSizeAndGrace(millis(windows, "size"), grace).advanceBy(millis(windows, "advance"))).aggregate(() -> initial, kept);
      case "sliding" -> cogrouped.windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(millis(windows, "difference"), grace)).aggregate(() -> initial, kept);
      case "session" -> cogrouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(millis(windows, "gap"), grace))
          .aggregate(() -> "0", (k, a, b) -> Functions.combine(it.get("add"), k, a, b), kept);
      default -> throw new IllegalArgumentException("windows " + windows);
    };
  }

  private static KTable byTime(JsonNode it, TimeWindowedKStream<Object, Object> windowed, Materialized kept, boolean noInitialOldValue) {
    return switch (it.get("op").asText()) {
      case "windowCount" -> noInitialOldValue ? windowed.aggregate(() -> null, (k, v, a) -> a == null ? 1L : (Long) a + 1L, kept) : windowed.count(kept);
      case "windowReduce" -> windowed.reduce((a, v) -> Functions.combine(it.get("add"), null, a, v), kept);
      default -> noInitialOldValue
          ? windowed.aggregate(() -> null, (k, v, a) -> Functions.combine(it.get("add"), k, a == null ? "0" : a, v), kept)
          : windowed.aggregate(() -> "0", (k, v, a) -> Functions.combine(it.get("add"), k, a, v), kept);
    };
  }

  private static KTable sessions(JsonNode it, SessionWindowedKStream<Object, Object> windowed, Materialized kept) {
    return switch (it.get("op").asText()) {
      case "windowCount" -> windowed.count(kept);
      case "windowReduce" -> windowed.reduce((a, v) -> Functions.combine(it.get("add"), null, a, v), kept);
      default -> windowed.aggregate(
          () -> "0", (k, v, a) -> Functions.combine(it.get("add"), k, a, v), (k, a, b) -> Functions.combine(it.get("add"), k, a, b), kept);
    };
  }

  private static Duration millis(JsonNode windows, String field) {
    return Duration.ofMillis(windows.get(field).asLong());
  }
}
