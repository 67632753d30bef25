import t from 'tap'
import type { CommittedOffset, GroupClient, KafkaCluster } from '../../kafka/contract.ts'
import { KafkaError } from '../../kafka/kafka-error.ts'
import { OffsetReader } from '../../runtime/committed-offsets.ts'
import { COMMITTER, encodeOffsetMetadata, INPUTS, inputsDigest } from '../../runtime/offset-metadata.ts'

const A = { topic: 'a', partition: 0, reset: 'earliest' as const }
const B = { topic: 'b', partition: 0, reset: 'latest' as const }
const at = (topic: string, offset: number, committer?: string): CommittedOffset => ({
  topic,
  partition: 0,
  offset,
  metadata: committer === undefined ? '' : encodeOffsetMetadata(0, new Map([[COMMITTER, committer]])),
  leaderEpoch: -1,
})

/** Answers in order, the last for ever. `unstable`: how often require_stable is refused. */
function reader(answers: CommittedOffset[][], options: { unstable?: number; ends?: number; ongoing?: readonly string[]; byTime?: (topic: string, time: number) => number | undefined } = {}) {
  const fenced: string[] = []
  let asked = 0
  let unstable = options.unstable ?? 0
  const group = {
    fetchOffsets: async (_id: string, _partitions: unknown, { requireStable }: { requireStable?: boolean } = {}) => {
      if (requireStable === true && unstable > 0 && fenced.length === 0) {
        unstable--
        throw new KafkaError(88, 'OffsetFetch')
      }
      return answers[Math.min(asked++, answers.length - 1)]!
    },
  } as unknown as GroupClient
  const cluster = {
    listOffsets: async (partitions: readonly { topic: string; partition: number }[], position: string | number) =>
      new Map(partitions.map(({ topic, partition }) => [`${topic}-${partition}`, position === 'earliest' ? 10 : typeof position === 'number' ? (options.byTime?.(topic, position) ?? -1) : (options.ends ?? 100)])),
    fence: async (id: string) => void fenced.push(id),
    ongoingTransactions: async () => options.ongoing ?? [],
  } as unknown as KafkaCluster
  const offsets = new OffsetReader({ cluster, group, groupId: 'g', isOurs: (id) => id === 'ours' })
  return { offsets, fenced, asked: () => asked }
}

const { signal } = new AbortController()
/** Of the application `g`; and of others whose names begin alike. */
const NEVER_COMMITTED = 'g-0f4c2d52-8a51-4a2c-9d0e-3f1b2c3d4e5f-0-0123456789ab'
const OF_OTHERS = ['g-import', 'g-eu-0f4c2d52-8a51-4a2c-9d0e-3f1b2c3d4e5f-0-0123456789ab']
const never = async () => false
const always = async () => true

t.test('a first start: every input by its reset policy', async (t) => {
  const { offsets } = reader([[at('a', -1), at('b', -1)]])
  t.same((await offsets.starting([A, B], never, signal)).map((c) => c.offset), [10, 100])
  await t.rejects(offsets.starting([{ ...A, reset: 'none' }], never, signal), { code: 'OFFSETS_MISSING', message: /offsetReset is 'none'/ })
})

t.test('a first start by duration: with the first record that is no older, or at the end', async (t) => {
  const asked: number[] = []
  const byTime = (topic: string, time: number): number | undefined => {
    asked.push(time)
    return topic === 'a' ? 42 : undefined
  }
  const { offsets } = reader([[at('a', -1), at('b', -1)]], { byTime })
  const from = Date.now()
  const begun = await offsets.starting([{ ...A, reset: 'by_duration:2h' }, { ...B, reset: 'by_duration:2h' }], never, signal)
  t.same(begun.map(({ offset }) => offset), [42, 100])
  t.ok(asked.every((time) => time >= from - 7_200_000 && time <= Date.now() - 7_200_000))
})

t.test('who left records undecided in a repartition topic is fenced; whoever still moves, or left nothing, is not', async (t) => {
  const output = [{ topic: 'r', partition: 0 }]
  const watch = async (stable: readonly number[], committers: readonly string[], ongoing: readonly string[] = []) => {
    const fenced: string[] = []
    let asked = 0
    const cluster = {
      listOffsets: async (_partitions: unknown, _at: string, isolation: string) => new Map([['r-0', isolation === 'read_committed' ? stable[asked++]! : 100]]),
      fence: async (id: string) => void fenced.push(id),
      ongoingTransactions: async () => ongoing,
    } as unknown as KafkaCluster
    const offsets = new OffsetReader({ cluster, group: {} as GroupClient, groupId: 'g', isOurs: (id) => id === 'ours' })
    await offsets.fenceIfStuck(committers.map((committer) => at('a', 5, committer)), output, signal)
    return { fenced, asked }
  }
  const [stuck, moving, decided, ours, first] = await Promise.all([
    watch([80, 80], ['dead', 'dead']), watch([80, 90], ['alive']), watch([100], ['alive']), watch([80, 80], ['ours'], ['ours']), watch([80, 80], ['ours'], ['ours', ...OF_OTHERS, NEVER_COMMITTED]),
  ])
  t.same(stuck.fenced, ['dead'])
  t.same([moving.fenced, decided.fenced, ours.fenced], [[], [], []])
  t.same(first.fenced, [NEVER_COMMITTED], 'who left its first transaction open is named by no offset; other applications are left alone')
})

t.test('committed offsets are taken; an input that was added begins by its policy', async (t) => {
  const { offsets } = reader([[at('a', 50), at('b', -1)]])
  t.same((await offsets.starting([A, B], always, signal)).map((c) => c.offset), [50, 100])
})

t.test('inputs that had an offset, and have none any more, do not begin by their policy (A9)', async (t) => {
  const read = (...topics: string[]): CommittedOffset => ({ ...at('a', 50), metadata: encodeOffsetMetadata(0, new Map([[INPUTS, inputsDigest(topics)!]])) })
  const { offsets } = reader([[read('b', 'a'), at('b', -1)]])
  // Asked for again for a while: the other cases pass beside it.
  const refused = t.rejects(offsets.starting([A, B], always, signal), { code: 'OFFSETS_MISSING', message: /^b-0: the group g has no committed offsets/ })
  const lost = reader([[at('a', -1)]])
  const all = t.rejects(lost.offsets.starting([A], always, signal), { code: 'OFFSETS_MISSING', message: /expired .* or were deleted/ })
  t.same((await offsets.starting([A, B], never, signal)).map((c) => c.offset), [50, 100], 'without state there is nothing that would not fit')
  const added = reader([[read('a', 'c'), at('b', -1)]])
  t.same((await added.offsets.starting([A, B], always, signal)).map((c) => c.offset), [50, 100], 'one that was added, in the place of another')
  const once = reader([[read('a', 'b'), at('b', -1)], [read('a', 'b'), at('b', 60)]])
  t.same((await once.offsets.starting([A, B], always, signal)).map((c) => c.offset), [50, 60], 'a coordinator that is stepping down')
  await Promise.all([refused, all])
  t.ok(lost.asked() > 3)
})

t.test('a coordinator that is stepping down may answer -1 once; with state that is no new application (A9)', async (t) => {
  const once = reader([[at('a', -1)], [at('a', 60)]])
  t.same((await once.offsets.starting([A], always, signal)).map((c) => c.offset), [60])
})

t.test('an offset outside the log fails with the range that was lost (A9)', async (t) => {
  await t.rejects(reader([[at('a', 4)]]).offsets.starting([A], never, signal), { code: 'OFFSET_OUT_OF_RANGE', message: /records 4 to 9 were deleted/ })
  await t.rejects(reader([[at('a', 101)]]).offsets.starting([A], never, signal), { code: 'OFFSET_OUT_OF_RANGE', message: /ends at 100/ })
})

t.test('unstable for a moment: nobody is fenced; for longer: the last committer is, never ourselves (C3)', async (t) => {
  const brief = reader([[at('a', 50, 'dead')]], { unstable: 3 })
  await brief.offsets.starting([A], never, signal)
  t.same(brief.fenced, [])
  const stuck = reader([[at('a', 50, 'dead')]], { unstable: 1_000_000 })
  t.same((await stuck.offsets.starting([A], never, signal)).map((c) => c.offset), [50])
  t.same(stuck.fenced, ['dead'])
  const ours = reader([[at('a', 50, 'ours')]], { unstable: 20 })
  await ours.offsets.starting([A], never, signal)
  t.same(ours.fenced, [])
  const unnamed = reader([[at('a', 50, 'ours')]], { unstable: 1_000_000, ongoing: ['ours', ...OF_OTHERS, NEVER_COMMITTED] })
  await unnamed.offsets.starting([A], never, signal)
  t.same(unnamed.fenced, [NEVER_COMMITTED], 'whoever left its first transaction open')
})

t.test('an activation that is called off stops waiting', async (t) => {
  const stuck = reader([[at('a', 50)]], { unstable: 1_000_000 })
  const controller = new AbortController()
  const waiting = stuck.offsets.starting([A], never, controller.signal)
  controller.abort(new Error('taken away'))
  await t.rejects(waiting, { message: 'taken away' })
})
