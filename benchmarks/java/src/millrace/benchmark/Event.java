package millrace.benchmark;

/** The input, field by field, as benchmarks/engine/events.ts writes it. */
public record Event(
    String id, long seq, long at, String tenant, String type, int pages, String currency, double total, String language,
    String sha256, String note) {}
