package millrace.benchmark;

/** What is written for every event by the workloads that make one output of each. */
record Result(long seq, String tenant, long result) {}
