#!/usr/bin/env node
/** The command line of the package: `millrace COMMAND …`. */
import process from 'node:process'
import { main } from './main.ts'

const print = (stream: NodeJS.WriteStream) => (text: string) => {
  stream.write(`${text}\n`)
}

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
process.exitCode = await main(process.argv.slice(2), { line: print(process.stdout), remark: print(process.stderr) })
