/** `millrace/kafka`: the Kafka client the engine runs on. Start reading at `contract.ts`, then `cluster.ts`. */
export { createCluster } from './cluster.ts'
export type * from './contract.ts'
export { brokerError } from './broker-errors.ts'
export type { BrokerError, BrokerErrorKind } from './broker-errors.ts'
export { isDisconnect, isRetriable, KafkaError } from './kafka-error.ts'
export { murmur2, partitionFor } from './partitioner.ts'
export { BatchCursor } from './record-cursor.ts'
export { PartitionWriter } from './batch-writer.ts'
