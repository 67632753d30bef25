export { createReceiver, defaultReceiveLimits } from './receive.ts'
export type { Accepted, Receiver, ReceiveInput, ReceiveLimits, ReceiveResult, Rejected } from './receive.ts'
