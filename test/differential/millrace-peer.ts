/** Our side: runs a case in `millrace/testing`. */
import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import { APPLICATION_ID, type Case, keepsStore, keepsWindows, nameOf, type Operator, type Outcome, type Output, shapeOf } from './case.ts'
import { text } from './functions.ts'
import { describe, type Value } from './interpreter.ts'

const bytes = Serdes.bytes()

function latin(of: Uint8Array | null): string | null {
  return of === null ? null : Buffer.from(of).toString('latin1')
}

function utf8(of: string | null): Uint8Array | null {
  return of === null ? null : Buffer.from(of)
}

/** What our engine makes of a case. */
export async function runMillrace(test: Case): Promise<Outcome> {
  const { operators, inputs } = test
  const driver = new TopologyTestDriver((b) => describe(test, b), { applicationId: APPLICATION_ID })
  for (const input of inputs) {
    if ('advance' in input) {
      driver.advanceWallClockTime(input.advance)
      continue
    }
    const headers = input.headers.map(([key, value]) => ({ key, value: utf8(value) }))
    driver.createInputTopic(input.topic, bytes, bytes).pipeInput(utf8(input.key), utf8(input.value), input.timestamp, headers)
  }
  const topics: { [topic: string]: Output[] } = {}
  for (const topic of [...driver.producedTopicNames()].filter((name) => !name.endsWith('-changelog')).sort()) {
    topics[topic] = driver.createOutputTopic(topic, bytes, bytes).readRecordsToList().map((record): Output => [
      latin(record.key), latin(record.value), record.timestamp, record.headers.map((header) => [header.key, latin(header.value)]),
    ])
  }
  const stores: { [store: string]: (readonly [string, string, number])[] } = {}
  for (const name of storesOf(operators)) {
    stores[name] = [...driver.getTimestampedKeyValueStore<string, Value>(name).all()].map(([key, row]) => [key, text(row.value), row.timestamp])
  }
  operators.forEach((operator, position) => {
    if ('store' in operator) {
      stores[nameOf(position)] = [...driver.getKeyValueStore<string, string>(nameOf(position)).all()].map(([key, value]) => [key, value, -1])
    }
    if (keepsWindows(operator)) {
      const rows = [...driver.getTimestampedWindowStore<string, Value>(nameOf(position)).all()]
      const texts = rows.map(([key, row]) => [text(key), text(row.value), row.timestamp] as const)
      stores[nameOf(position)] = texts.sort(([a], [b]) => (a < b ? -1 : 1))
    }
  })
  await driver.close()
  return { topics, stores }
}

function storesOf(operators: readonly Operator[]): string[] {
  return operators.flatMap((operator, position) => (keepsStore(operator) && shapeOf(operator) !== 'split' ? [nameOf(position)] : [])).sort()
}
