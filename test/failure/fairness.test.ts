// Five hundred scans of one tenant wait to be recognised. Another tenant's invoice with a text layer is done within five
// seconds (a machine may stand still for as long, but not most of the time), and its scan does not wait for theirs.
import sharp from 'sharp'
import t from 'tap'
import { SEED } from '../../state-stores/test/seeded.ts'
import { generateSamples } from '../../samples/index.ts'
import { Bench, say } from '../pipeline/bench.ts'
import { DocumentMaker, type Template, templates } from '../pipeline/documents.ts'

const CROWD = 500
const INVOICES = 5
const LIMIT_MS = 5_000
/** Of a scan: real recognition, few pixels. */
const WIDTH = 480

t.setTimeout(600_000)
say(`samples of seed ${SEED}`)
const bench = await Bench.open({ tenants: ['acme', 'globex'] })
t.teardown(() => bench.close())

async function smallScan(): Promise<Template> {
  const samples = await generateSamples({ seed: SEED, count: 14 })
  const { bytes } = samples.find(({ kind }) => kind === 'receipt')!
  const small = await sharp(bytes).resize({ width: WIDTH }).jpeg({ quality: 60 }).toBuffer()
  return { tenant: 'acme', kind: 'receipt', fileName: 'scan.jpg', contentType: 'image/jpeg', bytes: small, confidential: [] }
}

t.test(`${CROWD} scans of one tenant wait`, async (t) => {
  const maker = new DocumentMaker(SEED, Date.now())
  const scan = await smallScan()
  const invoice = (await templates(SEED, Date.now())).find(({ kind }) => kind === 'text-invoice')!
  const instance = await bench.start()
  await instance.ready()
  // the first of each kind starts the parsing processes and the recognition
  await bench.send([maker.fresh(invoice, 'globex'), maker.fresh(scan, 'globex')])
  await bench.allEnded()

  const crowd = Array.from({ length: CROWD }, () => maker.fresh(scan, 'acme'))
  await bench.send(crowd)
  const waiting = (): number => crowd.filter((document) => !bench.hasEnded(document)).length
  await bench.progress('the first scan of the crowd', () => waiting() < CROWD)

  const times: number[] = []
  for (let number = 1; number <= INVOICES; number++) {
    const document = maker.fresh(invoice, 'globex')
    const sentAt = performance.now()
    await bench.send([document])
    await bench.progress('the invoice', () => bench.hasEnded(document))
    times.push(performance.now() - sentAt)
    t.comment(`invoice ${number} is done after ${Math.round(times.at(-1)!)} ms; ${waiting()} scans wait`)
    t.ok(waiting() > 0, `invoice ${number} did not wait for the crowd`)
  }
  t.ok(times.sort((a, b) => a - b)[Math.floor(INVOICES / 2)]! < LIMIT_MS, `most are done within ${LIMIT_MS} ms`)
  const document = maker.fresh(scan, 'globex')
  const sentAt = performance.now()
  const ahead = waiting()
  await bench.send([document])
  await bench.progress('the scan', () => bench.hasEnded(document))
  t.comment(`a scan is done after ${Math.round(performance.now() - sentAt)} ms; of ${ahead} scans before it ${waiting()} still wait`)
  t.ok(waiting() > ahead / 2, 'it did not wait for the crowd')
  t.ok(waiting() > 0 && waiting() < CROWD, 'scans were recognised all the time')
  await instance.stop()
})
