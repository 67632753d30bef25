/** `millrace/testing`: run a topology without a broker. */
export type { DeadLetter, TopologyTestDriverOptions } from './topology-test-driver.ts'
export { TopologyTestDriver } from './topology-test-driver.ts'
export type { PipeOptions } from './test-topics.ts'
export { TestInputTopic, TestOutputTopic } from './test-topics.ts'
