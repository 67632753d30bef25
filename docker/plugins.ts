// node docker/plugins.ts DIR: lays all Connect plugins into DIR, for the image of connect.Dockerfile.
import { cp, mkdir } from 'node:fs/promises'
import { bringComponents } from '../stack/components.ts'
import { readLock } from '../stack/lock.ts'
import { buildPlugins } from '../stack/plugins.ts'

const [target] = process.argv.slice(2)
if (!target) {
  process.stderr.write('usage: node docker/plugins.ts DIR\n')
  process.exit(2)
}
const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}
const installed = await bringComponents(readLock(), say)
await mkdir(target, { recursive: true })
for (const folder of [installed['debezium-jdbc'], installed['registry-converter'], ...(await buildPlugins(installed, say))]) {
  await cp(folder, target, { recursive: true })
}
