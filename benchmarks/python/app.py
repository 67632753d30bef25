"""The peer in Python: runs one application on quix-streams until SIGTERM. Its argument: EngineSettings of ../engine/engines.ts as JSON.

Its defaults throughout but for exactly once with a commit every 100 ms (its own interval of 5 s is meant for at least once;
Kafka Streams' for exactly once is 100 ms).
"""

import json
import sys
from datetime import timedelta

from quixstreams import Application

WINDOW = timedelta(seconds=10)
GRACE = timedelta(days=1)


def stateless_map(sdf, _app, _settings):
    """The peer of topologies/stateless-map.ts."""
    return sdf.apply(result_of), None


def keyed_rmw(sdf, _app, _settings):
    """The peer of topologies/keyed-rmw.ts."""

    def read_modify_write(event, state):
        before = state.get("document", {"count": 0, "pages": 0})
        after = {
            "count": before["count"] + 1,
            "pages": before["pages"] + event["pages"],
            "last": event["seq"],
            "at": event["at"],
        }
        state.set("document", after)
        return after

    return sdf.apply(read_modify_write, stateful=True), None


def rekey_window_count(sdf, _app, _settings):
    """The peer of topologies/rekey-window-count.ts. A key of the output can only be made of its value, which so has one more field."""
    counts = (
        sdf.apply(lambda event: {"key": f"{event['tenant']}|{event['type']}", "seq": event["seq"]})
        .group_by("key", key_serializer="str", key_deserializer="str")
        .tumbling_window(WINDOW, grace_ms=GRACE)
        .count()
        .current()
    )
    named = counts.apply(
        lambda count, key, _timestamp, _headers: {"key": f"{key}@{count['start']}", "result": count["value"]}, metadata=True
    )
    return named, lambda value: value["key"]


def stream_table_join(sdf, app, settings):
    """The peer of topologies/stream-table-join.ts: quix-streams has no table, but a join with what was the latest at a record's time."""
    factors = app.dataframe(app.topic(settings["table"], key_deserializer="str", value_deserializer="json"))

    def merge(event, factor):
        return {"seq": event["seq"], "tenant": event["tenant"], "result": event["pages"] * factor["factor"]}

    return sdf.join_asof(factors, how="inner", on_merge=merge), None


def result_of(event):
    return {"seq": event["seq"], "tenant": event["tenant"], "result": event["pages"] * 2}


APPLICATIONS = {
    "stateless-map": stateless_map,
    "keyed-rmw": keyed_rmw,
    "rekey-window-count": rekey_window_count,
    "stream-table-join": stream_table_join,
}


def main():
    settings = json.loads(sys.argv[1])
    app = Application(
        broker_address=settings["bootstrapServers"],
        consumer_group=settings["applicationId"],
        state_dir=settings["stateDir"],
        # input is there before the application is
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=0.1,
        loglevel="WARNING",
    )
    source = app.topic(settings["input"], key_deserializer="str", value_deserializer="json")
    output = app.topic(settings["output"], key_serializer="str", value_serializer="json")
    sdf, key = APPLICATIONS[settings["application"]](app.dataframe(source), app, settings)
    sdf.to_topic(output, key=key)
    # It tells nobody when it has joined its group; what is measured begins with the first output, or after a warm-up.
    print("RUNNING", flush=True)
    app.run()


main()
