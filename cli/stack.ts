// npm run stack -- up|down|status|logs [server]|clean
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { clean, defaultFolder, down, StackError, type ServerStatus, serverNames, stackFolders, status, up } from '../stack/index.ts'

const help = `The servers that Millrace runs on, as local processes: Kafka, the schema registry, Connect, Cassandra, PostgreSQL.

  npm run stack -- up              fetch what is missing, start what is not running, wait until all answer
  npm run stack -- down            stop all; data stays
  npm run stack -- status          what runs, where, with how much memory; exit code 3 if not all do
  npm run stack -- logs [SERVER]   print the logs (${serverNames.join(', ')})
       --follow                    and go on printing
  npm run stack -- clean           stop all and remove the data, logs, secrets, local state, content and file share

  --folder DIR                     another stack than the one in .millrace

All listen on 127.0.0.1 only. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not all servers run (status).
`

class UsageError extends Error {}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

function table(rows: readonly ServerStatus[]): string {
  return rows.map((row) => {
    const facts = row.state === 'running' ? `127.0.0.1:${row.port}  pid ${row.pid}  ${row.memory} MiB  since ${row.startedAt}` : row.state === 'dead' ? `ended by itself; log: ${row.log}` : ''
    return `${row.name.padEnd(10)}  ${row.state.padEnd(7)}  ${facts}${row.note && row.state !== 'stopped' ? `\n${' '.repeat(12)}${row.note}` : ''}`.trimEnd()
  }).join('\n')
}

async function start(folder: string): Promise<number> {
  const stop = new AbortController()
  const onSignal = (signal: string): void => {
    say(`${signal}: stopping what was started`)
    stop.abort(new StackError('NOT_RUNNING', 'interrupted; nothing was left running'))
  }
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  const addresses = await up({ folder, say, signal: stop.signal })
  const { postgresql } = addresses
  say(`
kafka       ${addresses.kafka}
registry    ${addresses.registry}
connect     ${addresses.connect}
cassandra   ${addresses.cassandra}
postgresql  postgresql://${postgresql.user}@${postgresql.host}:${postgresql.port}/${postgresql.database}

Addresses and the password are in ${stackFolders(folder).addresses}; stop with: npm run stack -- down`)
  return 0
}

async function show(folder: string): Promise<number> {
  const rows = await status({ folder })
  say(table(rows))
  return rows.every((row) => row.state === 'running') ? 0 : 3
}

async function logs(folder: string, server: string | undefined, follow: boolean): Promise<number> {
  if (server !== undefined && !(serverNames as readonly string[]).includes(server)) {
    throw new UsageError(`there is no server '${server}': choose one of ${serverNames.join(', ')}`)
  }
  const place = stackFolders(folder).logs
  const names = existsSync(place) ? readdirSync(place).filter((name) => name.endsWith('.log') && (!server || name === `${server}.log`)).sort() : []
  if (names.length === 0) {
    say(`there is no log in ${place}: nothing was started there yet`)
    return 1
  }
  const tail = spawn('tail', ['-n', follow ? '100' : '+1', ...(follow ? ['-F'] : []), ...names.map((name) => join(place, name))], { stdio: 'inherit' })
  const pass = (signal: NodeJS.Signals): void => {
    tail.kill(signal)
  }
  process.on('SIGINT', pass)
  process.on('SIGTERM', pass)
  return new Promise((resolve, reject) => {
    tail.on('error', reject)
    tail.on('exit', (code) => resolve(code ?? 0))
  })
}

async function main(): Promise<number> {
  const { values, positionals } = (() => {
    try {
      return parseArgs({
        allowPositionals: true,
        options: { folder: { type: 'string', default: defaultFolder }, follow: { type: 'boolean', short: 'f', default: false }, help: { type: 'boolean', short: 'h' } }
      })
    } catch (error) {
      throw new UsageError((error as Error).message)
    }
  })()
  const [command, server, ...more] = positionals
  if (values.help || command === 'help') {
    say(help)
    return 0
  }
  if (more.length > 0 || (server !== undefined && command !== 'logs')) {
    throw new UsageError(`unexpected '${more[0] ?? server}'`)
  }
  switch (command) {
    case 'up':
      return start(values.folder)
    case 'down':
      await down({ folder: values.folder, say })
      say('nothing is running; the data is kept')
      return 0
    case 'status':
      return show(values.folder)
    case 'logs':
      return logs(values.folder, server, values.follow)
    case 'clean':
      await clean({ folder: values.folder, say })
      say('nothing is running; data, logs, secrets, local state, content and file share are removed')
      return 0
    default:
      throw new UsageError(command === undefined ? 'say what to do' : `there is no command '${command}'`)
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`stack: ${error.message}\n\n${help}`)
    process.exitCode = 2
  } else if (error instanceof StackError) {
    process.stderr.write(`stack: ${error.code}: ${error.message}\n`)
    process.exitCode = 1
  } else {
    throw error
  }
}
