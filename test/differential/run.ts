// npm run test:differential -- [--cases N] [--seed N] | --replay FILE | --keep FILE
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Case } from './case.ts'
import { check, differencesOf } from './check.ts'
import { JavaPeer } from './java-peer.ts'
import { type KeptCase, writeCase } from './kept.ts'
import { runMillrace } from './millrace-peer.ts'

const help = `npm run test:differential -- [options]

  --cases N       random cases to run through Kafka Streams and Millrace (2000)
  --seed N        the seed they are made of (another one each time)
  --replay FILE   run one case, show both outcomes
  --keep FILE     run one case and write Kafka Streams' outcome into its file (of a deliberate difference: both)
`
const FAILURES = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), '.millrace', 'differential')

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function random(java: JavaPeer, cases: number, seed: number): Promise<number> {
  const begin = performance.now()
  const result = await check(java, { cases, seed })
  const seconds = ((performance.now() - begin) / 1000).toFixed(1)
  say(`seed ${seed}: ${result.cases} cases, ${result.outputs} records out, ${seconds} s`)
  say([...result.operators].sort(([, a], [, b]) => b - a).map(([op, count]) => `${op} ${count}`).join(', '))
  if (result.failure === undefined) {
    say('no difference')
    return 0
  }
  mkdirSync(FAILURES, { recursive: true })
  const file = join(FAILURES, `seed-${seed}.json`)
  writeCase(file, { about: '', ...result.failure.smallest })
  say(`DIFFERENT, the smallest case is in ${file}:\n${result.failure.differences.join('\n')}`)
  return 1
}

async function one(java: JavaPeer, file: string, keep: boolean): Promise<number> {
  const test = JSON.parse(readFileSync(file, 'utf8')) as Case | KeptCase
  const theirs = await java.run(test)
  const { differences } = await differencesOf(java, test)
  if (!keep) {
    say(`Kafka Streams ${JSON.stringify(theirs)}\nMillrace ${JSON.stringify(await runMillrace(test))}`)
  } else if ('reason' in test) {
    writeCase(file, { ...test, kafkaStreams: theirs, millrace: await runMillrace(test) })
  } else {
    writeCase(file, { ...test, outcome: theirs })
  }
  say(differences.length === 0 ? 'no difference' : differences.join('\n'))
  return differences.length === 0 ? 0 : 1
}

async function main(): Promise<number> {
  const string = { type: 'string' } as const
  const { values } = parseArgs({ options: { cases: string, seed: string, replay: string, keep: string, help: { type: 'boolean', short: 'h' } } })
  if (values.help) {
    say(help)
    return 0
  }
  const java = await JavaPeer.start(say)
  try {
    const file = values.keep ?? values.replay
    return file === undefined
      ? await random(java, Number(values.cases ?? 2_000), Number(values.seed ?? Date.now() % 2 ** 31))
      : await one(java, file, values.keep !== undefined)
  } finally {
    await java.close()
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${(error as Error).stack}\n\n${help}`)
  process.exitCode = 2
}
