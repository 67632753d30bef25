package millrace.differential;

import com.fasterxml.jackson.databind.JsonNode;
import org.apache.kafka.streams.kstream.Windowed;

/** The functions of random topologies: functions.ts in Java, line by line. Both must give the same. */
final class Functions {
  private static final int LONGEST = 48;

  private Functions() {}

  static String text(Object value) {
    return value == null ? "null" : value instanceof Windowed windowed ? Windows.text(windowed) : String.valueOf(value);
  }

  static int hash(String of) {
    int result = 17;
    for (int index = 0; index < of.length(); index++) {
      result = (result * 31 + of.charAt(index)) & 0xffff;
    }
    return result;
  }

  static String limit(String of) {
    return of.length() <= LONGEST ? of : of.substring(of.length() - LONGEST);
  }

  private static String head(String of) {
    return of.isEmpty() ? "" : of.substring(0, 1);
  }

  static boolean holds(JsonNode condition, Object key, Object value) {
    Object on = condition.get("on").asText().equals("key") ? key : value;
    return hash(text(on)) % condition.get("mod").asInt() == condition.get("rest").asInt();
  }

  static String applyValue(JsonNode fn, Object key, Object value) {
    return switch (fn.get("fn").asText()) {
      case "append" -> limit(text(value) + fn.get("text").asText());
      case "withKey" -> limit(text(key) + ":" + text(value));
      case "head" -> head(text(value));
      case "nullIf" -> holds(fn.get("when"), key, value) ? null : text(value);
      case "throwIf" -> {
        throwIf(fn.get("when"), key, value);
        yield text(value);
      }
      default -> throw new IllegalArgumentException("value function " + fn);
    };
  }

  static void throwIf(JsonNode condition, Object key, Object value) {
    if (condition != null && holds(condition, key, value)) {
      throw new IllegalStateException("thrown on purpose");
    }
  }

  static String applyKey(JsonNode fn, Object key, Object value) {
    return switch (fn.get("fn").asText()) {
      case "head" -> head(text(value));
      case "append" -> limit(text(key) + fn.get("text").asText());
      case "bucket" -> "b" + hash(text(value)) % fn.get("mod").asInt();
      case "nullIf" -> holds(fn.get("when"), key, value) ? null : "b" + hash(text(value)) % fn.get("mod").asInt();
      default -> throw new IllegalArgumentException("key function " + fn);
    };
  }

  static String combine(JsonNode combiner, Object key, Object left, Object right) {
    String result = limit(text(left) + combiner.get("text").asText() + text(right));
    throwIf(combiner.get("throwIf"), key, result);
    return combiner.has("nullIf") && holds(combiner.get("nullIf"), key, result) ? null : result;
  }

  /** How many records a flatMap makes of one. */
  static int copies(int mod, Object value) {
    return hash(text(value)) % mod;
  }
}
