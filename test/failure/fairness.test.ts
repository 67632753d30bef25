// Five hundred scans of one tenant wait to be recognised. Another tenant's invoice with a text layer is done within five
// seconds, and its scan does not wait for theirs.
import { randomInt } from 'node:crypto'
import sharp from 'sharp'
import t from 'tap'
import { generateSamples } from '../../samples/index.ts'
import { Bench, say } from '../pipeline/bench.ts'
import { DocumentMaker, type Template, templates } from '../pipeline/documents.ts'

const CROWD = 500
const INVOICES = 5
const LIMIT_MS = 5_000
/** Of a scan: real recognition, few pixels. */
const WIDTH = 480

t.setTimeout(600_000)
const seed = randomInt(2 ** 31)
say(`samples of seed ${seed}`)
const bench = await Bench.open({ tenants: ['acme', 'globex'] })
t.teardown(() => bench.close())

async function smallScan(): Promise<Template> {
  const samples = await generateSamples({ seed, count: 14 })
  const { bytes } = samples.find(({ kind }) => kind === 'receipt')!
  const small = await sharp(bytes).resize({ width: WIDTH }).jpeg({ quality: 60 }).toBuffer()
  return { tenant: 'acme', kind: 'receipt', fileName: 'scan.jpg', contentType: 'image/jpeg', bytes: small, confidential: [] }
}

t.test(`${CROWD} scans of one tenant wait`, async (t) => {
  const maker = new DocumentMaker(seed, Date.now())
  const scan = await smallScan()
  const invoice = (await templates(seed, Date.now())).find(({ kind }) => kind === 'text-invoice')!
  const instance = await bench.start()
  await instance.ready()
  // the first of each kind starts the parsing processes and the recognition
  await bench.send([maker.fresh(invoice, 'globex'), maker.fresh(scan, 'globex')])
  await bench.allEnded()

  const crowd = Array.from({ length: CROWD }, () => maker.fresh(scan, 'acme'))
  await bench.send(crowd)
  const waiting = (): number => crowd.filter((document) => !bench.hasEnded(document)).length
  await bench.progress('the first scan of the crowd', () => waiting() < CROWD)

  for (let number = 1; number <= INVOICES; number++) {
    const document = maker.fresh(invoice, 'globex')
    const sentAt = performance.now()
    await bench.send([document])
    await bench.progress('the invoice', () => bench.hasEnded(document))
    const took = performance.now() - sentAt
    t.ok(took < LIMIT_MS, `invoice ${number} is done after ${Math.round(took)} ms; ${waiting()} scans wait`)
  }
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
