// npm run pack [-- --out DIR]
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { PackError, pack } from './pack/build.ts'

const help = `The packages of the engine, built from streams/ and state-stores/.

  npm run pack                  dist/millrace-VERSION.tgz and dist/millrace-state-stores-VERSION.tgz
  npm run pack -- --out DIR     elsewhere

Install both: npm install ./millrace-state-stores-VERSION.tgz ./millrace-VERSION.tgz
Exit codes: 0 done, 1 failed, 2 wrong usage.
`

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

class UsageError extends Error {}

function options(): { out: string; help: boolean } {
  try {
    const { values } = parseArgs({ options: { out: { type: 'string', default: join(import.meta.dirname, '..', 'dist') }, help: { type: 'boolean', short: 'h', default: false } } })
    return { out: resolve(values.out), help: values.help }
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

try {
  const { out, help: asked } = options()
  if (asked) {
    say(help)
  } else {
    for (const { file, bytes, files } of await pack(out, say)) {
      say(`${file}  ${files.length} files, ${(bytes / 1024).toFixed(0)} KiB`)
    }
  }
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`pack: ${error.message}\n\n${help}`)
    process.exitCode = 2
  } else if (error instanceof PackError) {
    process.stderr.write(`pack: ${error.message}\n`)
    process.exitCode = 1
  } else {
    throw error
  }
}
