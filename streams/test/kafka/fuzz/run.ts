// npm run fuzz -- [--inputs N] [--seed N] | --number N --seed N
// The inputs run in a thread; this one watches, because a decoder that hangs cannot say so.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { answerTo, type Finding, fuzz, inputOf } from './fuzz.ts'

const help = `npm run fuzz -- [options]

  --inputs N   damaged answers and record batches to decode (10000000)
  --seed N     what they are made of (another one each time)
  --number N   only this one of the seed: shows the input and what becomes of it
`
/** No input may take so long, on a machine however busy: the thread is ended and the input named. */
const HANG_MILLISECONDS = 30_000
const REPORT_EVERY = 1_000_000
/** Inputs between two looks at the memory. */
const TURN = 10_000
/** A decoder that keeps what it reads, or makes much of little, is found by what the process holds. */
const MAX_HELD_BYTES = 768 * 1024 * 1024

type Message = { readonly done: number; readonly read: number; readonly refused: number } | { readonly finding: Finding }

interface Work {
  readonly seed: number
  readonly inputs: number
  readonly number: SharedArrayBuffer
}

async function work({ seed, inputs, number }: Work): Promise<void> {
  const current = new Float64Array(number)
  let read = 0
  let refused = 0
  for (let from = 0; from < inputs; from += TURN) {
    // Node's decompression ends with a tick: without one its objects stay.
    await new Promise((resolve) => setImmediate(resolve))
    const to = Math.min(inputs, from + TURN)
    const { finding, counts } = fuzz(seed, from, to, (at) => {
      current[0] = at
    })
    read += counts.read
    refused += counts.refused
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    if (finding !== undefined || heapUsed + arrayBuffers > MAX_HELD_BYTES) {
      const what = `the process holds ${Math.round((heapUsed + arrayBuffers) / 2 ** 20)} MiB after inputs ${from} to ${to}`
      parentPort!.postMessage({ finding: finding ?? { seed, number: to, target: 'all', input: '', what } } satisfies Message)
      return
    }
    parentPort!.postMessage({ done: to, read, refused } satisfies Message)
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function watch(seed: number, inputs: number): Promise<number> {
  const number = new SharedArrayBuffer(8)
  const begin = performance.now()
  return new Promise((resolve, reject) => {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { seed, inputs, number } satisfies Work })
    let last = { at: -1, since: performance.now() }
    const timer = setInterval(() => {
      const at = new Float64Array(number)[0]!
      if (at !== last.at) {
        last = { at, since: performance.now() }
      } else if (performance.now() - last.since > HANG_MILLISECONDS) {
        say(`HANGS in ${inputOf(seed, at).target.name}: --seed ${seed} --number ${at}\n${inputOf(seed, at).input.toString('hex')}`)
        finish(1)
      }
    }, 1_000)
    const finish = (code: number): void => {
      clearInterval(timer)
      worker.terminate().then(() => resolve(code), reject)
    }
    worker.on('message', (message: Message) => {
      if ('finding' in message) {
        const { target, input, what, number: at } = message.finding
        say(`WRONG in ${target}: --seed ${seed} --number ${at}\n${what}\n${input}`)
        finish(1)
      } else if (message.done === inputs || message.done % REPORT_EVERY === 0) {
        const seconds = (performance.now() - begin) / 1000
        say(`${message.done} inputs, ${message.read} read, ${message.refused} refused, ${Math.round(message.done / seconds)}/s`)
        if (message.done === inputs) {
          finish(0)
        }
      }
    })
    worker.on('error', (error) => {
      clearInterval(timer)
      reject(error)
    })
  })
}

async function main(): Promise<number> {
  const string = { type: 'string' } as const
  const { values } = parseArgs({ options: { inputs: string, seed: string, number: string, help: { type: 'boolean', short: 'h' } } })
  if (values.help) {
    say(help)
    return 0
  }
  const seed = Number(values.seed ?? Date.now() % 2 ** 31)
  if (values.number !== undefined) {
    const { target, input } = inputOf(seed, Number(values.number))
    say(`${target.name}\n${input.toString('hex')}\n${JSON.stringify(answerTo(target, input, true))}`)
    return 0
  }
  say(`seed ${seed}`)
  return watch(seed, Number(values.inputs ?? 10_000_000))
}

if (isMainThread) {
  try {
    process.exitCode = await main()
  } catch (error) {
    process.stderr.write(`${(error as Error).stack}\n\n${help}`)
    process.exitCode = 2
  }
} else {
  await work(workerData as Work)
}
