/** `npm run benchmark -- NAME [options]`. */
import process from 'node:process'
import { main as engine } from './engine/index.ts'
import { main as documents } from './documents/index.ts'
import { main as growth } from './growth/index.ts'

const benchmarks: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = { documents, engine, growth }

const [name, ...args] = process.argv.slice(2)
const benchmark = name === undefined ? undefined : benchmarks[name]
if (benchmark === undefined) {
  process.stderr.write(`Say which benchmark: ${Object.keys(benchmarks).join(', ')}. For its options: npm run benchmark -- NAME --help\n`)
  process.exitCode = 2
} else {
  process.exitCode = await benchmark(args)
}
