/** Takes documents in through the three ways there are: the API, a Kafka producer, the file share. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Registry } from '../../avro/index.ts'
import { openFolderContentStore } from '../../content/index.ts'
import { valueSerde } from '../../topology/serdes.ts'
import { documentKey, isTenantId, MAXIMUM_INLINE_BYTES, topics } from '../../topology/topics.ts'
import type { Environment } from './environment.ts'
import { type Outgoing, produce } from './produce.ts'

export interface Incoming {
  readonly tenant: string
  readonly fileName: string
  readonly contentType: string | undefined
  readonly bytes: Uint8Array
  readonly route: 'api' | 'producer' | 'share'
}

export interface Taken {
  /** Documents that must show up on documents.raw. */
  readonly accepted: number
  /** Refused at the door with a 4xx: never received. */
  readonly refused: number
}

/** Uploads at once: enough to keep the API busy, few enough not to hold every file in memory. */
const UPLOADS = 4
const BATCH = 200

export async function takeIn(environment: Environment, documents: AsyncIterable<Incoming> | Iterable<Incoming>): Promise<Taken> {
  let accepted = 0
  let refused = 0
  const producing: Incoming[] = []
  const uploads = new Set<Promise<void>>()
  for await (const document of documents) {
    if (document.route === 'producer') {
      accepted += 1
      producing.push(document)
      if (producing.length >= BATCH) {
        await produceDocuments(environment, producing.splice(0))
      }
    } else if (document.route === 'share') {
      accepted += 1
      await drop(environment.share, document)
    } else {
      const upload = post(environment, document).then((ok) => {
        accepted += ok ? 1 : 0
        refused += ok ? 0 : 1
        uploads.delete(upload)
      })
      uploads.add(upload)
      if (uploads.size >= UPLOADS) {
        await Promise.race(uploads)
      }
    }
  }
  await produceDocuments(environment, producing)
  await Promise.all(uploads)
  return { accepted, refused }
}

async function post(environment: Environment, { tenant, fileName, contentType, bytes }: Incoming): Promise<boolean> {
  const form = new FormData()
  form.append('file', new Blob([Uint8Array.from(bytes)], { type: contentType ?? 'application/octet-stream' }), fileName)
  const { host, port } = environment.config.api!
  const response = await fetch(`http://${host}:${port}/v1/documents`, {
    method: 'POST',
    headers: { authorization: `Bearer ${environment.tokens.get(tenant) ?? ''}` },
    body: form,
  })
  await response.body?.cancel()
  if (response.status >= 500) {
    throw new Error(`The API answered ${response.status} to an upload.`)
  }
  return response.status === 202
}

/** A whole file appears at once: written beside under a temporary name, then renamed. */
async function drop(share: string, { tenant, fileName, bytes }: Incoming): Promise<void> {
  const folder = join(share, tenant)
  await mkdir(folder, { recursive: true })
  const temporary = join(folder, `.${randomUUID()}.part`)
  await writeFile(temporary, bytes)
  await rename(temporary, join(folder, fileName))
}

async function produceDocuments(environment: Environment, documents: readonly Incoming[]): Promise<void> {
  if (documents.length === 0) {
    return
  }
  const registry = new Registry({ url: environment.config.registry })
  const { raw } = topics(environment.config.topicPrefix)
  const serde = valueSerde(registry, raw, 'DocumentReceived')
  await serde.open()
  registry.close()
  const content = await openFolderContentStore({ path: environment.config.contentDir })
  const records: Outgoing[] = []
  for (const { tenant, fileName, contentType, bytes } of documents) {
    const documentId = randomUUID()
    const inline = bytes.length <= MAXIMUM_INLINE_BYTES || !isTenantId(tenant)
    const reference = inline ? null : (await content.put(tenant, bytes)).reference
    const value = serde.serialize(raw.name, {
      tenantId: tenant,
      documentId,
      source: 'producer',
      fileName,
      contentType: contentType ?? null,
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      receivedAt: Date.now(),
      traceparent: null,
      content: inline ? Buffer.from(bytes) : null,
      reference,
      attributes: {},
      parent: null,
    })
    records.push({ key: Buffer.from(documentKey(tenant, documentId)), value })
  }
  await produce(environment.cluster, raw.name, records)
  await content.close()
}
