// The smoke test for as long as you like: npm run smoke -- [--minutes N] [--rate N] [--standbys N] [--seed N]
import { parseArgs } from 'node:util'
import { Brokers } from '../brokers/brokers.ts'
import { runSmoke, SMOKE_EVENTS, type SmokeEvent } from './scenario.ts'

const help = `npm run smoke -- [--minutes N] [--rate N] [--standbys N] [--seed N]

  --minutes N    how long things go on happening (10)
  --rate N       records per second (500)
  --standbys N   copies of each task's state (1)
  --seed N       decides what happens when (the time; it is said, so that a run can be repeated)

Kafka Streams' smoke topology on a broker of its own, in two to four processes that join, leave, are killed, lose their disks
and wake as zombies, while the broker is killed too. Ends with 0 if every output is exactly what the input says.
`

const HOUR_MS = 3_600_000
/** More would only take turns on two cores. */
const MOST_PROCESSES = 4

/** A whole number of an option, at least `least`. */
function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < least) {
    throw new TypeError(`--${name} takes a whole number of at least ${least}, not '${text}'.`)
  }
  return value
}

/** Numbers in [0, 1) that a seed decides (mulberry32). */
function random(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

function* eventsUntil(end: number, next: () => number): Generator<SmokeEvent> {
  let processes = 2
  while (Date.now() < end) {
    const event = SMOKE_EVENTS[Math.floor(next() * SMOKE_EVENTS.length)]!
    if ((event === 'join' && processes === MOST_PROCESSES) || (event === 'leave' && processes === 2)) {
      continue
    }
    processes += event === 'join' ? 1 : event === 'leave' ? -1 : 0
    yield event
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { minutes: { type: 'string', default: '10' }, rate: { type: 'string', default: '500' }, standbys: { type: 'string', default: '1' }, seed: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  })
  if (values.help === true) {
    process.stdout.write(help)
    return 0
  }
  const minutes = wholeNumber('minutes', values.minutes, 1)
  const rate = wholeNumber('rate', values.rate, 20)
  const standbys = wholeNumber('standbys', values.standbys, 0)
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : wholeNumber('seed', values.seed, 0)
  const say = (line: string): void => {
    process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)
  }
  say(`smoke: ${minutes} minutes, ${rate} records per second, ${standbys} standbys, seed ${seed}`)
  const brokers = await Brokers.start()
  try {
    const { problems, counts, sent, membershipsLost } = await runSmoke({
      brokers,
      windowMs: Math.ceil((minutes + 30) / 60) * HOUR_MS,
      standbys,
      recordsPerSecond: rate,
      recordsBetween: rate,
      events: eventsUntil(Date.now() + minutes * 60_000, random(seed)),
      say,
    })
    say(`${sent} records sent, memberships lost ${membershipsLost}; written: ${[...counts].map(([topic, count]) => `${topic} ${count}`).join(', ')}`)
    for (const problem of problems.slice(0, 50)) {
      say(problem)
    }
    say(problems.length === 0 ? 'every output is exactly what the input says' : `${problems.length} problems`)
    return problems.length === 0 ? 0 : 1
  } finally {
    await brokers.stop()
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`smoke: ${error instanceof TypeError ? `${error.message}\n\n${help}` : (error as Error).stack}\n`)
  process.exitCode = 2
}
