// npm run ocr -- install|status|remove
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isSecondEngineInstalled, secondEngineFolder } from '../processors/text/index.ts'

const help = `The second engine of text recognition (PP-OCR on ONNX Runtime), which the profile "thorough" reads doubtful pages with.

  npm run ocr -- install   fetch it with npm, versions and checksums as pinned, install scripts off (about 70 MB kept, 300 MB while it unpacks)
  npm run ocr -- status    say whether it is installed, and where; exit code 3 if it is not
  npm run ocr -- remove    remove it

It goes into the launcher's cache outside of this clone ($MILLRACE_CACHE, else $XDG_CACHE_HOME/millrace, else ~/.cache/millrace).
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not installed (status).
`

/** A failure whose message is all that the user needs. */
class InstallError extends Error {}

const pinned = fileURLToPath(new URL('../processors/text/pp-ocr/packages/', import.meta.url))

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/** Unpacks beside its place and renames: a killed or a simultaneous installation never leaves half of one. */
function install(folder: string): void {
  if (isSecondEngineInstalled(folder)) {
    say(`already installed in ${folder}`)
    return
  }
  mkdirSync(dirname(folder), { recursive: true })
  const fresh = mkdtempSync(join(dirname(folder), '.new-'))
  try {
    cpSync(pinned, fresh, { recursive: true })
    npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund'], fresh)
    keepOwnPlatform(join(fresh, 'node_modules', 'onnxruntime-node', 'bin'))
    if (!isSecondEngineInstalled(folder)) {
      // What somebody may have left in the place is not an installation.
      rmSync(folder, { recursive: true, force: true })
    }
    try {
      renameSync(fresh, folder)
    } catch (error) {
      if (!isSecondEngineInstalled(folder)) {
        throw error
      }
    }
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  say(`installed in ${folder}`)
}

/** The npm that started us, else the one on the path; MILLRACE_NPM_REGISTRY as in launch.js. */
function npm(args: readonly string[], folder: string): void {
  const started = process.env['npm_execpath']
  const [file, first] = started?.endsWith('npm-cli.js') === true && existsSync(started) ? [process.execPath, [started]] : ['npm', []]
  const registry = process.env['MILLRACE_NPM_REGISTRY'] === undefined ? [] : [`--registry=${process.env['MILLRACE_NPM_REGISTRY']}`]
  // ONNX Runtime's install script fetches a GPU library from a place that is no package registry: it is off twice.
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' }
  const done = spawnSync(file, [...first, ...args, ...registry], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' })
  if (done.error !== undefined) {
    throw new InstallError(`npm could not be started (${done.error.message}); it comes with Node.js: put it on the PATH`)
  }
  if (done.status !== 0) {
    throw new InstallError(`npm ${args.join(' ')} failed:\n${done.stderr.trim() || done.stdout.trim()}`)
  }
}

/** The package carries the libraries of all platforms, 240 MB of which are never loaded here. */
function keepOwnPlatform(bin: string): void {
  for (const api of readdirSync(bin)) {
    for (const platform of readdirSync(join(bin, api))) {
      for (const architecture of readdirSync(join(bin, api, platform))) {
        if (platform !== process.platform || architecture !== process.arch) {
          rmSync(join(bin, api, platform, architecture), { recursive: true, force: true })
        }
      }
    }
    if (!existsSync(join(bin, api, process.platform, process.arch))) {
      throw new InstallError(`ONNX Runtime has no library for ${process.platform} ${process.arch}`)
    }
  }
}

function main(args: readonly string[]): number {
  const folder = secondEngineFolder()
  const [command, ...more] = args
  if (command === 'help' || command === '--help' || command === '-h') {
    say(help)
    return 0
  }
  if (more.length > 0 || command === undefined) {
    process.stderr.write(`ocr: ${command === undefined ? 'say what to do' : `unexpected '${more[0]}'`}\n\n${help}`)
    return 2
  }
  switch (command) {
    case 'install':
      install(folder)
      return 0
    case 'status': {
      const there = isSecondEngineInstalled(folder)
      say(there ? `installed in ${folder}` : 'not installed; npm run ocr -- install')
      return there ? 0 : 3
    }
    case 'remove':
      rmSync(folder, { recursive: true, force: true })
      say(`${folder} is not there (any more)`)
      return 0
    default:
      process.stderr.write(`ocr: there is no command '${command}'\n\n${help}`)
      return 2
  }
}

try {
  process.exitCode = main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof InstallError)) {
    throw error
  }
  process.stderr.write(`ocr: ${error.message}\n`)
  process.exitCode = 1
}
