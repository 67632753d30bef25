// The launcher: plain JavaScript without dependencies, so that a fresh clone needs nothing but Node 20 and npm.
//   node launch.js [--node LOCK] SCRIPT [arguments…]
// It brings the Node.js that the project is written for (stack/lock.json) into the cache, installs the npm dependencies
// when they differ from package-lock.json, and runs SCRIPT on that Node.js with the same arguments, signals and exit code.
// LOCK is a JSON file that names another Node.js (`node: { package, version, integrity }`): the packages run on older ones.
//
// All downloads of this file are npm's: it honours the machine's own registry, proxy and certificate settings, checks
// the sha512 of the lock before it unpacks anything, and runs no install scripts.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import process from 'node:process'

const checkout = dirname(fileURLToPath(import.meta.url))
const SETUP_WAIT_MILLISECONDS = 10 * 60_000

/** A failure whose message is all that the user needs. */
class LaunchError extends Error {}

const say = (text) => process.stderr.write(`millrace: ${text}\n`)

const pause = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)

/** Where downloads are kept for all clones: $MILLRACE_CACHE, else $XDG_CACHE_HOME/millrace, else ~/.cache/millrace. */
function cacheFolder(env) {
  if (env.MILLRACE_CACHE) {
    return resolve(env.MILLRACE_CACHE)
  }
  return join(env.XDG_CACHE_HOME ? resolve(env.XDG_CACHE_HOME) : join(homedir(), '.cache'), 'millrace')
}

/** npm as a command: the very npm that started us (`npm test`), else the one on the path. */
function npmCommand(node) {
  const started = process.env.npm_execpath
  if (started?.endsWith('npm-cli.js') && existsSync(started)) {
    return [node, [started]]
  }
  const beside = join(dirname(process.execPath), 'npm')
  return [existsSync(beside) ? beside : 'npm', []]
}

function npm(node, args, folder, env) {
  const [file, first] = npmCommand(node)
  const registry = env.MILLRACE_NPM_REGISTRY ? [`--registry=${env.MILLRACE_NPM_REGISTRY}`] : []
  const done = spawnSync(file, [...first, ...args, ...registry], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' })
  if (done.error) {
    throw new LaunchError(`npm could not be started (${done.error.message}); it comes with Node.js: install it or put it on the PATH`)
  }
  if (done.status !== 0) {
    throw new LaunchError(`npm ${args.join(' ')} failed in ${folder}:\n${done.stderr.trim() || done.stdout.trim()}`)
  }
}

/**
 * Brings the locked Node.js into the cache and returns the path of its binary. npm unpacks it into a temporary folder
 * beside its place and a rename puts it there, so that a killed or a simultaneous launch never leaves half of one.
 */
function bringNode(locked, cache, env) {
  const home = join(cache, 'node', locked.version)
  const node = join(home, 'bin', 'node')
  if (existsSync(node)) {
    return node
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    if (Number(process.versions.node.split('.')[0]) >= Number(locked.version.split('.')[0])) {
      return process.execPath
    }
    throw new LaunchError(
      `Node.js ${locked.version} can be fetched for Linux x64 only; this is ${process.platform} ${process.arch} with ${process.version}: install Node.js ${locked.version}`
    )
  }
  say(`fetching Node.js ${locked.version} into ${cache} (once, about 50 MB)`)
  mkdirSync(join(cache, 'node'), { recursive: true })
  const folder = mkdtempSync(join(cache, 'node', '.new-'))
  try {
    const name = locked.package
    const dependencies = { [name]: locked.version }
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'millrace-node', version: '1.0.0', private: true, dependencies }))
    writeFileSync(
      join(folder, 'package-lock.json'),
      JSON.stringify({
        name: 'millrace-node',
        version: '1.0.0',
        lockfileVersion: 3,
        requires: true,
        packages: {
          '': { name: 'millrace-node', version: '1.0.0', dependencies },
          [`node_modules/${name}`]: { version: locked.version, integrity: locked.integrity, os: ['linux'], cpu: ['x64'] }
        }
      })
    )
    npm(process.execPath, ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], folder, env)
    try {
      renameSync(join(folder, 'node_modules', name), home)
    } catch (error) {
      if (!existsSync(node)) {
        throw error
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return node
}

/**
 * Whether node_modules holds what package-lock.json names, by npm's own record of the last finished install
 * (node_modules/.package-lock.json). An optional package may be missing: it is for another platform.
 */
function isInstalled(folder) {
  const record = join(folder, 'node_modules', '.package-lock.json')
  if (!existsSync(record)) {
    return false
  }
  const wanted = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')).packages
  const found = JSON.parse(readFileSync(record, 'utf8')).packages
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith('node_modules/')) {
      return true
    }
    const here = found[path]
    return here ? here.version === entry.version && here.integrity === entry.integrity : entry.optional === true
  })
}

/** Runs `npm ci` if needed; a lock file keeps two launches in one checkout from doing it at the same time. */
function install(folder, node, env) {
  if (isInstalled(folder)) {
    return
  }
  mkdirSync(join(folder, '.millrace'), { recursive: true })
  const lock = join(folder, '.millrace', 'install.lock')
  const deadline = Date.now() + SETUP_WAIT_MILLISECONDS
  while (!tryLock(lock)) {
    if (Date.now() > deadline) {
      throw new LaunchError(`another launch is still installing after ${SETUP_WAIT_MILLISECONDS / 60_000} minutes; if there is none, remove ${lock}`)
    }
    pause(200)
  }
  try {
    if (!isInstalled(folder)) {
      say('installing the npm dependencies (npm ci, install scripts off)')
      npm(node, ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], folder, env)
    }
  } finally {
    rmSync(lock, { force: true })
  }
}

function tryLock(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') {
      throw error
    }
  }
  try {
    const owner = Number(readFileSync(lock, 'utf8'))
    const young = Date.now() - statSync(lock).mtimeMs < 5_000
    if (owner > 0 ? !isAlive(owner) : !young) {
      rmSync(lock, { force: true })
    }
  } catch {
    // The other launch finished in between: try again.
  }
  return false
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** The environment of the script: the cache, the Node.js of the project first, the machine's certificates and proxies. */
function scriptEnvironment(node, cache) {
  return {
    NODE_USE_SYSTEM_CA: '1',
    NODE_USE_ENV_PROXY: '1',
    ...process.env,
    MILLRACE_CACHE: cache,
    PATH: `${dirname(node)}:${process.env.PATH ?? ''}`
  }
}

/** Runs the script; signals go on to it and its end becomes ours. */
function run(node, args, env) {
  const child = spawn(node, args, { stdio: 'inherit', env })
  // From a terminal the whole foreground group gets SIGINT anyway; the script must then not get a second one.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR2']) {
    process.on(signal, () => child.kill(signal))
  }
  child.on('error', (error) => fail(new LaunchError(`${node} could not be started: ${error.message}`)))
  child.on('exit', (code, signal) => {
    if (signal) {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
      return
    }
    process.exitCode = code ?? 1
  })
}

function fail(error) {
  if (!(error instanceof LaunchError)) {
    throw error
  }
  say(error.message)
  process.exit(1)
}

const given = process.argv.slice(2)
const lockFile = given[0] === '--node' ? resolve(given.splice(0, 2)[1] ?? '') : join(checkout, 'stack', 'lock.json')
const [script, ...rest] = given
try {
  if (!script) {
    throw new LaunchError('usage: node launch.js [--node LOCK] SCRIPT [arguments…], for example: node launch.js cli/stack.ts up')
  }
  if (Number(process.versions.node.split('.')[0]) < 20) {
    throw new LaunchError(`Node.js 20 or newer is needed to start, this is ${process.version}`)
  }
  const locked = JSON.parse(readFileSync(lockFile, 'utf8')).node
  const cache = cacheFolder(process.env)
  const node = bringNode(locked, cache, process.env)
  const env = scriptEnvironment(node, cache)
  install(checkout, node, env)
  run(node, [resolve(checkout, script), ...rest], env)
} catch (error) {
  fail(error)
}
