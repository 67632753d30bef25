import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Sample } from './types.ts'

/** Writes samples as `<folder>/<tenant>/<fileName>` and what is expected of them as `<folder>/samples.json`. Returns the paths. */
export async function writeSamples(samples: readonly Sample[], folder: string): Promise<string[]> {
  const paths: string[] = []
  for (const sample of samples) {
    const path = join(folder, sample.tenant, sample.fileName)
    await mkdir(join(folder, sample.tenant), { recursive: true })
    await writeFile(path, sample.bytes)
    paths.push(path)
  }
  const list = samples.map(({ bytes, ...rest }) => ({ ...rest, size: bytes.byteLength }))
  await writeFile(join(folder, 'samples.json'), `${JSON.stringify(list, null, 2)}\n`)
  return paths
}
