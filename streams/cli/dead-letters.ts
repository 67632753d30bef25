/** `millrace dead-letters list|show|replay`. Keys and values are shown only when asked for: they are somebody's data. */
import { StreamsError } from '../errors.ts'
import type { KafkaCluster } from '../kafka/contract.ts'
import type { Arguments, Command, ExitCode, Output } from './command.ts'
import { UsageError } from './command.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS, withCluster } from './connection.ts'
import type { LetterFilter, StoredDeadLetter } from './dead-letter-topic.ts'
import { letterRanges, matches, readLetters } from './dead-letter-topic.ts'
import { recordOf, replay, replayProgress } from './replay.ts'
import { FORMAT_HELP, FORMAT_OPTION, printable, printRows, wantsJson } from './text-table.ts'

const DEFAULT_LIMIT = 100

const FILTER_OPTIONS = {
  operator: { type: 'string', multiple: true },
  code: { type: 'string', multiple: true },
  cause: { type: 'string', multiple: true },
  origin: { type: 'string', multiple: true },
} as const

const FILTER_HELP = `  --operator NAME[,…]   only letters of these operators
  --code CODE[,…]       only with these error codes (PROCESSING_FAILED, CALL_FAILED, …)
  --cause CODE[,…]      only with these causes: the code of the error the operator threw
  --origin TOPIC[,…]    only of records from these topics`

export const deadLettersList: Command = {
  name: 'dead-letters list',
  summary: 'what lies in a dead-letter topic, and why',
  usage: 'TOPIC [--application ID] [--limit N]',
  help: `${FILTER_HELP}
  --application ID      shows which were replayed
  --limit N             default ${DEFAULT_LIMIT}
${FORMAT_HELP}
${CONNECTION_HELP}`,
  options: { ...CONNECTION_OPTIONS, ...FILTER_OPTIONS, ...FORMAT_OPTION, application: { type: 'string' }, limit: { type: 'string' } },
  positionals: [1, 1],
  run: async (args, out) => {
    const json = wantsJson(args)
    return withCluster(args, out, (cluster) => list(cluster, args, json, out))
  },
}

async function list(cluster: KafkaCluster, args: Arguments, json: boolean, out: Output): Promise<0> {
  const filter = filterOf(args, [])
  const limit = args.number('limit', 1) ?? DEFAULT_LIMIT
  const application = args.text('application')
  const ranges = await letterRanges(cluster, args.positionals[0]!)
  const progress = application === undefined ? undefined : await replayProgress(cluster, application, ranges)
  const rows: (string | number)[][] = []
  let more = false
  let others = 0
  await readLetters(cluster, ranges, (letter) => {
    if (letter.why.code === '') {
      others++
      return true
    }
    if (!matches(filter, letter)) {
      return true
    }
    if (rows.length === limit) {
      more = true
      return false
    }
    const { why } = letter
    const replayed = progress === undefined ? [] : [progress.get(letter.partition)?.has(letter.offset) === true ? 'yes' : '-']
    rows.push([
      `${letter.partition}:${letter.offset}`, new Date(letter.timestamp).toISOString(), `${why.topic}:${why.partition}:${why.offset}`,
      why.node, why.code, why.cause || why.exception || '-', why.attempts || '-', ...replayed,
    ])
    return true
  })
  printRows(out, json, ['LETTER', 'RECORD TIME', 'FROM', 'OPERATOR', 'CODE', 'CAUSE', 'TRIES', ...(progress === undefined ? [] : ['REPLAYED'])], rows, 'no dead letters')
  if (others > 0) {
    out.remark(`${others} other records are no dead letters: is this the application's deadLetterTopic?`)
  }
  if (more) {
    out.remark(`only the first ${limit}: --limit shows more`)
  }
  return 0
}

export const deadLettersShow: Command = {
  name: 'dead-letters show',
  summary: 'one dead letter with its headers; key and value only with --values',
  usage: 'TOPIC PARTITION:OFFSET [--values]',
  help: `  --values              key and value, as text if they are UTF-8, else in base64
${CONNECTION_HELP}`,
  options: { ...CONNECTION_OPTIONS, values: { type: 'boolean' } },
  positionals: [2, 2],
  run: (args, out) =>
    withCluster<ExitCode>(args, out, async (cluster) => {
      const [topic, id] = args.positionals as [string, string]
      const { partition, offset } = letterId(id)
      const range = (await letterRanges(cluster, topic)).find((one) => one.partition === partition)
      let found: StoredDeadLetter | undefined
      if (range !== undefined && offset >= range.from && offset < range.to) {
        await readLetters(cluster, [{ topic, partition, from: offset, to: offset + 1 }], (letter) => {
          found = letter
          return false
        })
      }
      if (found === undefined) {
        throw new StreamsError('OFFSET_OUT_OF_RANGE', `There is no letter ${id} in ${topic}${range === undefined ? '' : ` (partition ${partition} holds ${range.from} to ${range.to - 1})`}.`)
      }
      show(found, args.flag('values'), out)
      return 0
    }),
}

function show(letter: StoredDeadLetter, values: boolean, out: Output): void {
  const { key, value } = letter
  const content = (bytes: Uint8Array | null): string => {
    if (bytes === null) {
      return 'null'
    }
    return values ? textOf(bytes) : `${bytes.length} bytes (--values shows them)`
  }
  out.line(`record time  ${new Date(letter.timestamp).toISOString()}`)
  for (const header of letter.headers) {
    const own = header.key.startsWith('__streams.errors.')
    out.line(`header       ${printable(header.key)} = ${header.value === null ? 'null' : own || values ? textOf(header.value) : `${header.value.length} bytes`}`)
  }
  out.line(`key          ${content(key)}`)
  out.line(`value        ${content(value)}`)
  const where = recordOf(letter)
  if (where !== 'letter') {
    out.line(where === 'topic' ? `a replay reads the record from ${printable(letter.why.topic)}: ${letter.why.raw === 'operator' ? `this is the pending entry of ${printable(letter.why.node)}` : 'it was too large to be kept whole'}` : 'not replayable: no record gave rise to it')
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return printable(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return `base64:${Buffer.from(bytes).toString('base64')}`
  }
}

export const deadLettersReplay: Command = {
  name: 'dead-letters replay',
  summary: 'sends dead letters back to their source, each once',
  usage: 'TOPIC --application ID [--to retry|source] [--dry-run]',
  help: `Each letter goes to ID-SOURCE-retry, which the source reads beside its topic (stream(…, { retryTopic: true })), under its
own key, value, headers, timestamp and partition. What was replayed is noted with the records in one transaction, so a
letter is sent once however often the command runs.

${FILTER_HELP}
  --letter P:O[,…]      only these letters, by partition and offset
  --limit N             at most so many
  --to source           to the topic they came from: every reader of it sees them again, behind newer records of their key
  --again               the note of what was replayed is gone (offsets of a group expire after a week without members):
                        begin with the oldest letter, though retry topics show that some were replayed before
  --dry-run             says what it would send
${CONNECTION_HELP}`,
  options: {
    ...CONNECTION_OPTIONS,
    ...FILTER_OPTIONS,
    application: { type: 'string' },
    letter: { type: 'string', multiple: true },
    limit: { type: 'string' },
    to: { type: 'string' },
    again: { type: 'boolean' },
    'dry-run': { type: 'boolean' },
  },
  positionals: [1, 1],
  run: async (args, out): Promise<ExitCode> => {
    const applicationId = args.text('application')
    if (applicationId === undefined) {
      throw new UsageError('dead-letters replay needs --application ID')
    }
    const to = args.text('to') ?? 'retry'
    if (to !== 'retry' && to !== 'source') {
      throw new UsageError(`--to is ${JSON.stringify(to)}: give retry or source`)
    }
    const letters = args.list('letter')
    letters.forEach(letterId)
    const dryRun = args.flag('dry-run')
    return withCluster(args, out, async (cluster): Promise<ExitCode> => {
      const limit = args.number('limit', 1) ?? Number.POSITIVE_INFINITY
      const { replayed, before, unfit } = await replay({ cluster, applicationId, topic: args.positionals[0]!, to, filter: filterOf(args, letters), limit, dryRun, again: args.flag('again') })
      for (const [topic, count] of replayed) {
        out.line(`${dryRun ? 'would be sent' : 'sent'} to ${topic}: ${count}`)
      }
      if (replayed.size === 0) {
        out.line('nothing to replay')
      }
      if (before > 0) {
        out.line(`replayed before: ${before}`)
      }
      for (const [reason, count] of unfit) {
        out.line(`left: ${count}, because ${printable(reason)}`)
      }
      return unfit.size > 0 ? 1 : 0
    })
  },
}

function filterOf(args: Arguments, letters: readonly string[]): LetterFilter {
  return { operators: args.list('operator'), codes: args.list('code'), causes: args.list('cause'), origins: args.list('origin'), letters }
}

function letterId(text: string): { readonly partition: number; readonly offset: number } {
  const match = /^(\d{1,9}):(\d{1,15})$/.exec(text)
  if (match === null) {
    throw new UsageError(`${JSON.stringify(text)} is no letter: give PARTITION:OFFSET as 'dead-letters list' shows it`)
  }
  return { partition: Number(match[1]), offset: Number(match[2]) }
}
