/** `millrace parked release` and `parked drop`: asks the instances themselves, by the addresses of their `ParkedServer`s. */
import { StreamsError } from '../errors.ts'
import type { ParkedEntry } from '../runtime/parked-keys.ts'
import { type Arguments, type Command, type ExitCode, type Output, UsageError } from './command.ts'

/** An instance that does not answer must not hang the command. */
const REQUEST_MS = 10_000

export const DOOR_OPTIONS = { url: { type: 'string', multiple: true }, header: { type: 'string', multiple: true }, operator: { type: 'string', multiple: true } } as const
const SELECTION = { ...DOOR_OPTIONS, id: { type: 'string', multiple: true }, all: { type: 'boolean' } } as const

export const DOOR_HELP = `  --url URL[,…]         where the instances listen (ParkedServer)
  --header NAME:VALUE   sent with each request, for what they authorize by`

const SELECTION_HELP = `${DOOR_HELP}
  --operator NAME[,…]   only keys of these operators
  --id ID[,…]           these keys, as parked list --url shows them
  --all                 or all of them`

export const parkedRelease: Command = {
  name: 'parked release',
  summary: 'has parked keys called again',
  usage: '--url URL (--id ID | --all)',
  help: `Calls the failed record of each key again, with all its tries; the others of the key follow if it succeeds.

${SELECTION_HELP}`,
  options: SELECTION,
  positionals: [0, 0],
  run: (args, out) => change(args, out, 'released', async (door, key) => {
    await door.ask('POST', `${pathOf(key)}/release`)
    return 1
  }),
}

export const parkedDrop: Command = {
  name: 'parked drop',
  summary: 'drops records of parked keys',
  usage: '--url URL (--id ID | --all) [--what head|key]',
  help: `Drops the failed record of each key; the others of the key go on. Nothing brings it back but its topic.

${SELECTION_HELP}
  --what head|key       the failed record (default), or all records of the key`,
  options: { ...SELECTION, what: { type: 'string' } },
  positionals: [0, 0],
  run: (args, out) => {
    const what = args.text('what') ?? 'head'
    if (what !== 'head' && what !== 'key') {
      throw new UsageError(`--what is ${JSON.stringify(what)}: give head or key`)
    }
    return change(args, out, 'dropped', async (door, key) => ((await door.ask('DELETE', `${pathOf(key)}?what=${what}`)) as { readonly dropped: number }).dropped)
  },
}

/** One instance. */
export class ParkedDoor {
  readonly url: string
  readonly #headers: { readonly [name: string]: string }

  constructor(url: string, headers: { readonly [name: string]: string }) {
    this.url = url.replace(/\/+$/, '')
    this.#headers = headers
  }

  async keys(): Promise<readonly ParkedEntry[]> {
    return ((await this.ask('GET', '/parked')) as { readonly keys: readonly ParkedEntry[] }).keys
  }

  /** Throws `CONNECTION_FAILED` naming the instance, or with the code it answered. */
  async ask(method: string, path: string): Promise<unknown> {
    let response: Response
    try {
      response = await fetch(`${this.url}${path}`, { method, headers: this.#headers, signal: AbortSignal.timeout(REQUEST_MS) })
    } catch (cause) {
      throw new StreamsError('CONNECTION_FAILED', `${this.url} does not answer: ${reason(cause)}.`, { cause })
    }
    const body = (await response.json().catch(() => ({}))) as { readonly error?: { readonly code?: unknown } }
    if (!response.ok) {
      throw new StreamsError('CONNECTION_FAILED', `${this.url} answered ${response.status} (${String(body.error?.code ?? 'no ParkedServer')}).`)
    }
    return body
  }
}

/** The instances named by `--url`. Throws `UsageError`. */
export function parkedDoors(args: Arguments): readonly ParkedDoor[] {
  const headers = Object.fromEntries(
    args.list('header').map((header) => {
      const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*)$/.exec(header)
      if (match === null) {
        throw new UsageError(`--header is ${JSON.stringify(header)}: give NAME:VALUE`)
      }
      return [match[1]!, match[2]!]
    }),
  )
  return args.list('url').map((url) => {
    if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
      throw new UsageError(`--url is ${JSON.stringify(url)}: give http://HOST:PORT`)
    }
    return new ParkedDoor(url, headers)
  })
}

async function change(args: Arguments, out: Output, done: string, act: (door: ParkedDoor, key: ParkedEntry) => Promise<number>): Promise<ExitCode> {
  const doors = parkedDoors(args)
  const ids = args.list('id')
  const operators = args.list('operator')
  if (doors.length === 0) {
    throw new UsageError('needs --url URL: where the instances listen')
  }
  if ((ids.length > 0) === args.flag('all')) {
    throw new UsageError('give either --id ID or --all')
  }
  let count = 0
  for (const door of doors) {
    for (const key of await door.keys()) {
      if ((ids.length === 0 || ids.includes(key.id)) && (operators.length === 0 || operators.includes(key.operator))) {
        count += await act(door, key)
      }
    }
  }
  out.line(`${count} ${done}`)
  return count > 0 ? 0 : 1
}

function pathOf({ taskId, operator, id }: ParkedEntry): string {
  return `/parked/${[taskId, operator, id].map(encodeURIComponent).join('/')}`
}

function reason(error: unknown): string {
  const { cause } = error as { readonly cause?: { readonly code?: unknown } }
  return typeof cause?.code === 'string' ? cause.code : error instanceof Error ? error.name : 'unknown'
}
