package millrace.benchmark;

import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;

/** Runs one application on Kafka Streams: its defaults and RocksDB's throughout, with exactly_once_v2 (commits every 100 ms). */
public final class Peer {
  private Peer() {}

  /** Arguments: application, bootstrap servers, application id, state folder, input topic, output topic, threads, table topic or nothing. */
  public static void main(String[] arguments) {
    String input = arguments[4];
    String output = arguments[5];
    Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[1]);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[2]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[3]);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, arguments[6]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    // Input is there before the application is.
    settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");

    KafkaStreams streams = new KafkaStreams(topology(arguments[0], input, arguments[7], output, settings), settings);
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

  private static Topology topology(String application, String input, String table, String output, Properties settings) {
    switch (application) {
      case "stateless-map":
        return StatelessMap.topology(input, output);
      case "keyed-rmw":
        return KeyedRmw.topology(input, output);
      case "rekey-window-count":
        return RekeyWindowCount.topology(input, output);
      case "async-10ms":
        return BlockingCall.topology(input, output);
      case "stream-table-join":
        // the table's topic is its changelog, as it always is in Millrace
        settings.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.REUSE_KTABLE_SOURCE_TOPICS);
        return StreamTableJoin.topology(input, table, output).build(settings);
      default:
        throw new IllegalArgumentException("There is no application " + application + ".");
    }
  }
}
