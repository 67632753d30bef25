/** Our side: runs a case in `millrace/testing`. */
import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import { APPLICATION_ID, type Case, keepsSessions, keepsStore, keepsWindows, nameOf, type Operator, type Outcome, type Output, shapeOf } from './case.ts'
import { text } from './functions.ts'
import { describe, type Value } from './interpreter.ts'
import { stateName } from './processors.ts'

type Row = Outcome['stores'][string][number]

/** Bytes of a session's end and start behind its key. */
const SESSION_TIMES = 16

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
  const driver = new TopologyTestDriver((b) => describe(test, b), {
    applicationId: APPLICATION_ID,
    config: test.continueOnError === true ? { errors: { processing: 'skip', deserialization: 'skip' } } : {},
  })
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
  const stores: { [store: string]: readonly Row[] } = {}
  for (const name of storesOf(operators)) {
    stores[name] = [...driver.getTimestampedKeyValueStore<unknown, Value>(name).all()].map(([key, row]) => [text(key), text(row.value), row.timestamp])
  }
  operators.forEach((operator, position) => {
    const name = nameOf(position)
    const written = topics[`out-${position}`] ?? []
    if ('store' in operator) {
      stores[name] = plain(driver, name)
    }
    if ('state' in operator) {
      stores[stateName(name)] = plain(driver, stateName(name))
    }
    if (keepsWindows(operator)) {
      const rows = [...driver.getTimestampedWindowStore<string, Value>(name).all()]
      stores[name] = sorted(rows.map(([key, row]) => [text(key), text(row.value), row.timestamp]))
    }
    if (keepsSessions(operator)) {
      const store = driver.getSessionStore<string, Value>(name)
      const keys = new Set(written.map(([key]) => decoded(key!.slice(0, -SESSION_TIMES))))
      stores[name] = sorted([...keys].flatMap((key) => [...store.fetch(key)].map(([session, value]): Row => [text(session), text(value), session.window.end])))
    }
    if ('history' in operator) {
      const store = driver.getVersionedKeyValueStore<string, Value>(name)
      const asked = new Map(written.filter(([key]) => key !== null).map(([key, , time]) => [`${decoded(key!)}@${time}`, [decoded(key!), time] as const]))
      const rows = [...asked].map(([name, [key, time]]) => [name, store.get(key, time)] as const)
      stores[name] = sorted(rows.flatMap(([key, row]) => (row === undefined ? [] : [[key, text(row.value), row.timestamp] as const])))
    }
  })
  await driver.close()
  return { topics, stores }
}

function plain(driver: TopologyTestDriver, store: string): Row[] {
  return [...driver.getKeyValueStore<string, string>(store).all()].map(([key, value]) => [key, value, -1])
}

function sorted(rows: readonly Row[]): Row[] {
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1))
}

function decoded(latin: string): string {
  return Buffer.from(latin, 'latin1').toString()
}

function storesOf(operators: readonly Operator[]): string[] {
  return operators.flatMap((operator, position) => (keepsStore(operator) && shapeOf(operator) !== 'split' ? [nameOf(position)] : [])).sort()
}
