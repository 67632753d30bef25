import type { StreamsErrorCode } from '../errors.ts'
import { StreamsError } from '../errors.ts'
import type { BrokerErrorKind } from './broker-errors.ts'
import { brokerError } from './broker-errors.ts'

/** An error a broker answered with: its protocol code beside the catalogue's. */
export class KafkaError extends StreamsError {
  readonly brokerCode: number
  /** The protocol's name of the code: `ILLEGAL_GENERATION`. */
  readonly brokerName: string
  readonly kind: BrokerErrorKind
  readonly retriable: boolean
  /** With 79 MEMBER_ID_REQUIRED: the member id the coordinator has given out. */
  readonly memberId: string | undefined

  constructor(brokerCode: number, what: string, options: { code?: StreamsErrorCode; memberId?: string; cause?: unknown } = {}) {
    const row = brokerError(brokerCode)
    super(options.code ?? catalogueCode(row.kind), `${what}: ${row.name} (${brokerCode})`, { cause: options.cause })
    this.name = 'KafkaError'
    this.brokerCode = brokerCode
    this.brokerName = row.name
    this.kind = row.kind
    this.retriable = row.retriable
    this.memberId = options.memberId
  }
}

/** True for errors after which the same request may be sent again: retriable broker codes and lost connections. */
export function isRetriable(error: unknown): boolean {
  return (error instanceof KafkaError && error.retriable) || isDisconnect(error)
}

/** The request may or may not have been carried out: its answer was lost. */
export function isDisconnect(error: unknown): boolean {
  return error instanceof StreamsError && error.code === 'CONNECTION_FAILED'
}

export function brokerCodeOf(error: unknown): number | undefined {
  return error instanceof KafkaError ? error.brokerCode : undefined
}

function catalogueCode(kind: BrokerErrorKind): StreamsErrorCode {
  switch (kind) {
    case 'fenced':
      return 'PRODUCER_FENCED'
    case 'abortable':
      return 'TRANSACTION_ABORTED'
    case 'membership':
      return 'MEMBERSHIP_LOST'
    case 'authorization':
      return 'AUTHORIZATION_FAILED'
    case 'too-large':
      return 'RECORD_TOO_LARGE'
    case 'corrupt':
      return 'BATCH_CORRUPTED'
    case 'offset-range':
      return 'OFFSET_OUT_OF_RANGE'
    default:
      return 'PROTOCOL_ERROR'
  }
}
